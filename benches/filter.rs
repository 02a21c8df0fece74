//! What releasing some fields of an answer costs: `cargo bench --bench filter`.
#![allow(clippy::print_stdout, clippy::allow_attributes)]

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sliproad::dataplane::Filter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u32 = 5_000;

fn main() -> Result<()> {
    let answer = answer(95).to_string();
    println!("an answer of {} bytes", answer.len());
    for (name, list) in [
        ("three pointers", &["/register", "/time", "/persons/0/name"][..]),
        ("two queries over every element", &["$.persons[*].name", "$.persons[*].municipality"]),
    ] {
        let filter = Filter::of(&[list.to_vec()]).context("a filter")?;
        let kept = filter.json(&answer).context("the answer can be read")?;
        ensure!(kept.len() > 20 && kept.len() < answer.len() / 2, "{} bytes are left", kept.len());
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            black_box(filter.json(black_box(&answer)));
        }
        println!("{name:40} {:>6} us, {} bytes left", (begun.elapsed() / ROUNDS).as_micros(), kept.len());
    }
    Ok(())
}

/// Persons as a register tells of them.
fn answer(persons: usize) -> Value {
    let person = |n: usize| {
        json!({"code": format!("3800101{n:04}"), "name": format!("Mari Maasikas {n}"), "municipality": "Tartu",
               "address": {"street": "Liivi", "house": n, "postcode": "50409"}, "active": n.is_multiple_of(2),
               "children": [n, n + 1]})
    };
    json!({"register": "persons", "time": "2026-11-24T10:00:00Z", "persons": (0..persons).map(person).collect::<Vec<_>>()})
}
