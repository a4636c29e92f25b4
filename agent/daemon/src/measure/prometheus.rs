//! One number from Prometheus, by its HTTP API.

use jiff::Timestamp;
use rollout::judge::Missing;
use serde_json::Value;

/// A Prometheus, asked as of one moment.
pub(super) struct Server<'a> {
    pub(super) client: &'a reqwest::Client,
    pub(super) address: &'a str,
    pub(super) at: Timestamp,
}

impl Server<'_> {
    /// The one number that `query` gives.
    pub(super) async fn number(&self, query: &str) -> Result<f64, Missing> {
        let url = format!("{}/api/v1/query", self.address.trim_end_matches('/'));
        let time = self.at.to_string();
        let url = reqwest::Url::parse_with_params(&url, [("query", query), ("time", &time)]);
        let url =
            url.map_err(|_| Missing::Error("the address of Prometheus is no URL".to_owned()))?;
        let answer = super::body(self.client.get(url).send().await).await?;
        number(&answer)
    }
}

/// Reads the answer of an instant query.
fn number(answer: &Value) -> Result<f64, Missing> {
    if answer["status"] != "success" {
        return Err(Missing::Error(
            "the answer is none of Prometheus".to_owned(),
        ));
    }
    let data = &answer["data"];
    let sample = match (data["resultType"].as_str(), data["result"].as_array()) {
        (Some("scalar"), Some(_)) => &data["result"],
        (Some("vector"), Some(series)) => match series.as_slice() {
            [] => return Err(Missing::Empty),
            [only] => &only["value"],
            many => {
                let many = many.len();
                return Err(Missing::Error(format!(
                    "the query gives {many} series; make it one, for example with sum()"
                )));
            }
        },
        _ => return Err(Missing::Error("the query gives no number".to_owned())),
    };
    let text = sample[1].as_str().unwrap_or_default();
    // `NaN` and `+Inf` are numbers here; what they are worth is judged elsewhere.
    text.parse()
        .map_err(|_| Missing::Error(format!("{text:?} is no number")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vector(series: &Value) -> Value {
        json!({ "status": "success", "data": { "resultType": "vector", "result": series } })
    }

    #[test]
    fn reads_one_series() {
        let one = vector(&json!([{ "metric": {}, "value": [1_700_000_000.1, "0.25"] }]));
        assert_eq!(number(&one), Ok(0.25));
        let scalar =
            json!({ "status": "success", "data": { "resultType": "scalar", "result": [1, "3"] } });
        assert_eq!(number(&scalar), Ok(3.0));
    }

    #[test]
    fn no_series_is_no_number() {
        assert_eq!(number(&vector(&json!([]))), Err(Missing::Empty));
    }

    #[test]
    fn several_series_are_refused() {
        let one = json!({ "value": [1, "1"] });
        let error = number(&vector(&json!([one, one]))).unwrap_err();
        assert!(
            matches!(&error, Missing::Error(why) if why.contains("2 series")),
            "{error:?}"
        );
    }

    #[test]
    fn nan_is_passed_on_to_be_judged() {
        let nan = vector(&json!([{ "value": [1, "NaN"] }]));
        assert!(number(&nan).is_ok_and(f64::is_nan));
    }
}
