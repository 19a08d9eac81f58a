//! Counts words in the standard library's hash map with a fixed hasher, then sorts and joins them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x100000001b3);
        }
    }
}

fn next_random(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

fn word(state: &mut u32) -> String {
    let n = 1 + next_random(state) % 3;
    (0..n).map(|_| ["ka", "ro", "mi", "te", "lu", "shi", "no", "wa"][next_random(state) as usize % 8]).collect()
}

fn round(state: &mut u32) -> u64 {
    let mut counts: HashMap<String, usize, BuildHasherDefault<Fnv>> = HashMap::default();
    for _ in 0..20_000 {
        *counts.entry(word(state)).or_insert(0) += 1;
    }
    counts.retain(|_, n| *n > 1);
    let mut sorted: Vec<(&String, &usize)> = counts.iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let text: Vec<String> = sorted.iter().map(|(w, n)| format!("{} {}", w, n)).collect();
    let mut sum = Fnv::default();
    sum.write(text.join("\n").as_bytes());
    sum.finish()
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(20, |a| a.parse().expect("rounds"));
    let mut state = 2463534242;
    let sum = (0..rounds).fold(0u64, |sum, _| sum.rotate_left(5) ^ round(&mut state));
    println!("{:016x}", sum);
}
