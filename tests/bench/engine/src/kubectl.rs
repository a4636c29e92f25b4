//! The same objects by kubectl, where that is installed.

use std::{path::Path, time::Instant};

use anyhow::{Result, ensure};
use e2e::{Shop, World};
use tokio::process::Command;

use crate::{
    bare,
    load::{files, objects},
    table::{Table, millis},
};

/// How many objects.
const OBJECTS: usize = 500;

/// Applies them, changes them, compares them. Nothing if there is no kubectl.
pub(crate) async fn measure(world: &'static World) -> Result<Option<Table>> {
    let version = Command::new("kubectl")
        .args(["version", "--client"])
        .output();
    if !version.await.is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let shop = Shop::within(world, "kubectl").await?;
    let folder = tempfile::tempdir()?;
    let bare = bare::measure(world, OBJECTS, 2).await?;
    let title = "kubectl on 500 objects, the bare loop beside it";
    let mut table = Table::new(
        title,
        [
            "command",
            "create",
            "bare loop",
            "change",
            "bare loop",
            "diff of none",
        ],
    );
    let mut times = Vec::new();
    for value in ["v0", "v1"] {
        for (path, text) in files(&objects(OBJECTS), value) {
            std::fs::write(folder.path().join(path), text)?;
        }
        let args = ["apply", "--server-side", "-k"];
        times.push(run(&shop, &args, folder.path()).await?);
    }
    times.push(run(&shop, &["diff", "-k"], folder.path()).await?);
    table.row(vec![
        "kubectl apply --server-side -k".to_owned(),
        millis(times[0]),
        millis(bare[0]),
        millis(times[1]),
        millis(bare[1]),
        millis(times[2]),
    ]);
    Ok(Some(table))
}

async fn run(shop: &Shop, args: &[&str], folder: &Path) -> Result<std::time::Duration> {
    let began = Instant::now();
    let output = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(shop.world.control_plane.kubeconfig())
        .args(["--namespace", &shop.namespace])
        .args(args)
        .arg(folder)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {args:?}: {text}");
    Ok(began.elapsed())
}
