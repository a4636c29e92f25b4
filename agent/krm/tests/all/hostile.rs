//! Texts made to hurt: each is refused, quickly and without saying what is in it.

use std::fmt::Write;
use std::time::{Duration, Instant};

use krm::{SourceId, yaml};

use crate::{read, reprint};

/// How much of a processor any text may take. Without optimisation everything is many times slower.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

/// The processor's time of this thread, which a busy machine does not stretch; elsewhere than on Linux, the clock's.
struct Spent {
    processor: Option<Duration>,
    clock: Instant,
}

impl Spent {
    fn none() -> Self {
        Self {
            processor: processor(),
            clock: Instant::now(),
        }
    }

    fn is_little(&self) {
        let clock = self.clock.elapsed();
        let spent = match (self.processor, processor()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => clock,
        };
        assert!(spent < PATIENCE, "took {spent:?} in {clock:?}");
    }
}

fn processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// The error that `text` gives, within the time that any text may take.
fn refused(text: &str) -> String {
    let spent = Spent::none();
    let error = read(text).expect_err("must be refused").to_string();
    spent.is_little();
    assert!(!error.contains("canary"), "{error}");
    error
}

#[test]
fn billion_laughs_hit_the_budget() {
    let mut text = String::from("a0: &a0 [canary]\n");
    for level in 1..40 {
        let alias = format!("*a{}", level - 1);
        let aliases = [alias.as_str(); 9].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").expect("a string takes it");
    }
    assert!(refused(&text).contains("bytes from aliases"));
}

#[test]
fn a_large_scalar_cannot_be_multiplied() {
    let mut text = format!("a: &a {}\nb:\n", "canary".repeat(200_000));
    text.push_str(&"- *a\n".repeat(1_000));
    assert!(refused(&text).contains("bytes from aliases"));
}

#[test]
fn merges_cannot_multiply_either() {
    let mut text = String::from("a0: &a0 {k: canary}\n");
    for level in 1..40 {
        let before = level - 1;
        writeln!(
            text,
            "a{level}: &a{level} {{x: *a{before}, y: *a{before}, <<: *a{before}}}"
        )
        .expect("a string takes it");
    }
    assert!(refused(&text).contains("bytes from aliases"));
}

#[test]
fn nesting_is_bounded_in_every_form() {
    let deep = 200_000;
    for text in [
        "[".repeat(deep),
        "{a: ".repeat(deep),
        "- ".repeat(deep),
        "? ".repeat(deep),
        (0..2_000).fold(String::new(), |text, level| {
            text + &" ".repeat(level) + "a:\n"
        }),
    ] {
        assert!(
            refused(&text).contains("levels of nesting"),
            "{:?}",
            &text[..8]
        );
    }
}

/// Anchors nest what is not nested in the text.
#[test]
fn nesting_through_aliases_is_bounded() {
    let mut text = String::from("a0: &a0 [1]\n");
    for level in 1..200 {
        writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).expect("a string takes it");
    }
    assert!(refused(&text).contains("levels of nesting"));
}

#[test]
fn many_keys_in_one_map_take_no_square() {
    let mut text = String::new();
    for key in 0..100_000 {
        writeln!(text, "k{key}: 1").expect("a string takes it");
    }
    text.push_str("k5: canary\n");
    assert!(refused(&text).contains("already set on line 6"));
}

#[test]
fn many_documents_are_read_and_too_many_refused() {
    let spent = Spent::none();
    let nodes = read(&"---\na: 1\n".repeat(50_000)).expect("valid");
    assert_eq!(nodes.len(), 50_000);
    spent.is_little();
    assert!(refused(&"---\na: 1\n".repeat(100_001)).contains("documents"));
}

#[test]
fn a_large_scalar_is_read_and_printed() {
    let text = format!("a: |\n{}", "  some line of text\n".repeat(500_000));
    let spent = Spent::none();
    assert_eq!(reprint(&text).as_deref(), Ok(text.as_str()));
    spent.is_little();
}

#[test]
fn text_past_the_limit_is_not_looked_at() {
    let limits = yaml::Limits {
        bytes: 10,
        ..yaml::Limits::default()
    };
    let error = yaml::read(b"a: canary canary", SourceId(0), &limits).expect_err("too long");
    assert!(error.to_string().contains("more than 10 bytes"));
}
