//! The command line of each part. Pure text: what a part is told, and why.

use std::path::Path;

use super::files::Files;
use super::options::{Options, Part};

/// The loopback ports of one control plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) apiserver: u16,
    /// Where kwok answers for all nodes, as their kubelets would.
    pub(crate) kubelet: u16,
}

/// The controllers that run. Left out is what needs a cloud, a real node or a metrics server. The node lifecycle is left
/// out too: on a busy machine it would take a slow heartbeat for a dead node and evict its pods.
const CONTROLLERS: &[&str] = &[
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
];

/// Runs where it is asked for.
const AUTOSCALER: &str = "horizontal-pod-autoscaler-controller";

/// The name the Go program knows the part by.
pub(crate) fn name(part: Part) -> &'static str {
    match part {
        Part::Etcd => "etcd",
        Part::ApiServer => "kube-apiserver",
        Part::ControllerManager => "kube-controller-manager",
        Part::Scheduler => "kube-scheduler",
        Part::Kwok => "kwok",
    }
}

/// The flags of `part`.
pub(crate) fn flags(part: Part, files: &Files, ports: Ports, options: &Options) -> Vec<String> {
    match part {
        Part::Etcd => etcd(&files.path("etcd"), ports),
        Part::ApiServer => apiserver(files, ports, options),
        Part::ControllerManager => controller_manager(files, options),
        Part::Scheduler => scheduler(files),
        Part::Kwok => kwok(files, ports),
    }
}

fn etcd(data: &Path, ports: Ports) -> Vec<String> {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    vec![
        "--name=lab".into(),
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=lab={peer}"),
        // Nothing here survives a power cut, and nothing should wait for the disk.
        "--unsafe-no-fsync".into(),
        // The only member waits this long before it elects itself; the default is a second.
        "--heartbeat-interval=20".into(),
        "--election-timeout=200".into(),
        "--log-level=error".into(),
    ]
}

fn apiserver(files: &Files, ports: Ports, options: &Options) -> Vec<String> {
    let path = |name: &str| files.path(name).display().to_string();
    let mut flags = vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", ports.apiserver),
        format!("--tls-cert-file={}", path("server.crt")),
        format!("--tls-private-key-file={}", path("server.key")),
        format!("--client-ca-file={}", path("ca.crt")),
        "--authorization-mode=Node,RBAC".into(),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-key-file={}", path("accounts.pub")),
        format!(
            "--service-account-signing-key-file={}",
            path("accounts.key")
        ),
        "--service-cluster-ip-range=10.96.0.0/16".into(),
        // The endpoints of the `kubernetes` Service may not be on loopback.
        "--endpoint-reconciler-type=none".into(),
        // It must have one to advertise, though nobody is told: without a default route it finds none by itself.
        "--advertise-address=192.0.2.1".into(),
        // Only the node lifecycle controller would take the taint away again.
        "--disable-admission-plugins=TaintNodesByCondition".into(),
        // Nodes have no names that could be looked up.
        "--kubelet-preferred-address-types=InternalIP".into(),
        "--allow-privileged=true".into(),
        format!("--audit-policy-file={}", path("audit-policy.yaml")),
        format!("--audit-log-path={}", path("audit.log")),
        // An entry is on disk before the answer is out, so a test that got its answer finds the entry.
        "--audit-log-mode=blocking".into(),
        // A log that begins anew after so many megabytes would hide from a reader what is in the old one.
        "--audit-log-maxsize=100000".into(),
    ];
    if !options.feature_gates.is_empty() {
        flags.push(format!(
            "--feature-gates={}",
            options.feature_gates.join(",")
        ));
    }
    flags.extend(options.apiserver_flags.iter().cloned());
    flags
}

fn controller_manager(files: &Files, options: &Options) -> Vec<String> {
    let more = options.autoscaler.then_some(AUTOSCALER);
    let controllers: Vec<_> = CONTROLLERS.iter().copied().chain(more).collect();
    let kubeconfig = files.kubeconfig_path("controller-manager");
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        format!(
            "--service-account-private-key-file={}",
            files.path("accounts.key").display()
        ),
        format!("--root-ca-file={}", files.path("ca.crt").display()),
        "--use-service-account-credentials=true".into(),
        format!("--controllers={}", controllers.join(",")),
        "--horizontal-pod-autoscaler-sync-period=1s".into(),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
    ]
}

fn scheduler(files: &Files) -> Vec<String> {
    vec![
        format!(
            "--kubeconfig={}",
            files.kubeconfig_path("scheduler").display()
        ),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
        "--kube-api-qps=500".into(),
        "--kube-api-burst=1000".into(),
    ]
}

fn kwok(files: &Files, ports: Ports) -> Vec<String> {
    let path = |name: &str| files.path(name).display().to_string();
    vec![
        // Logs come from here.
        format!("--server-address=127.0.0.1:{}", ports.kubelet),
        format!("--tls-cert-file={}", path("server.crt")),
        format!("--tls-private-key-file={}", path("server.key")),
        format!("--kubeconfig={}", files.kubeconfig_path("kwok").display()),
        format!("--config={}", files.path("stages.yaml").display()),
        "--manage-all-nodes=true".into(),
        "--node-lease-duration-seconds=0".into(),
        "--cidr=10.244.0.0/16".into(),
    ]
}
