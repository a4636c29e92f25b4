//! One number from any HTTP server, which is told of the rollout.

use rollout::{
    judge::{Missing, Numbers, Reading},
    strategy::analysis::Web,
};
use serde_json::Value;

/// Asks `web`, telling it `about` the rollout.
pub(super) async fn ask(client: &reqwest::Client, web: &Web, about: &Value) -> Reading {
    let request = client
        .post(&web.url)
        .timeout(web.timeout.duration())
        .header("content-type", "application/json")
        .body(about.to_string());
    let answer = super::body(request.send().await).await;
    let number = answer.and_then(|answer| number(&answer, &web.pointer));
    let asked = match web.pointer.as_str() {
        "" => "the answer".to_owned(),
        pointer => pointer.to_owned(),
    };
    Reading {
        query: asked,
        answer: number.map(|canary| Numbers {
            canary,
            ..Numbers::default()
        }),
        log: Vec::new(),
    }
}

/// True counts as 1, false as 0.
fn number(answer: &Value, pointer: &str) -> Result<f64, Missing> {
    match answer.pointer(pointer) {
        None | Some(Value::Null) => Err(Missing::Empty),
        Some(Value::Bool(yes)) => Ok(f64::from(u8::from(*yes))),
        Some(value) => value
            .as_f64()
            .ok_or_else(|| Missing::Error("the answer holds no number there".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn follows_the_pointer() {
        let answer = json!({ "data": { "score": 0.9, "fine": true, "text": "0.9" } });
        assert_eq!(number(&answer, "/data/score"), Ok(0.9));
        assert_eq!(number(&answer, "/data/fine"), Ok(1.0));
        assert_eq!(number(&answer, "/data/none"), Err(Missing::Empty));
        assert!(number(&answer, "/data/text").is_err());
        assert_eq!(number(&json!(3), ""), Ok(3.0));
    }
}
