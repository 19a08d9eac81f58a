//! Sorts, searches and folds structures through closures, iterators and trait objects, with bounds checks.

use std::collections::{BTreeMap, BinaryHeap};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bird {
    ring: u32,
    weight: u32,
    name: String,
}

fn next_random(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

fn flock(n: usize, state: &mut u32) -> Vec<Bird> {
    (0..n)
        .map(|_| {
            let ring = next_random(state);
            Bird { ring, weight: next_random(state) % 500, name: format!("b{}", ring % 1000) }
        })
        .collect()
}

fn round(state: &mut u32) -> u64 {
    let mut birds = flock(5000, state);
    let orders: [Box<dyn Fn(&Bird, &Bird) -> std::cmp::Ordering>; 3] = [
        Box::new(|a, b| a.weight.cmp(&b.weight)),
        Box::new(|a, b| b.name.cmp(&a.name).then(a.ring.cmp(&b.ring))),
        Box::new(|a, b| a.ring.cmp(&b.ring)),
    ];
    let mut sum = 0u64;
    for order in &orders {
        birds.sort_by(|a, b| order(a, b));
        sum = sum.rotate_left(7) ^ u64::from(birds[birds.len() / 3].ring);
    }
    let by_weight = birds.iter().fold(BTreeMap::<u32, Vec<&Bird>>::new(), |mut map, bird| {
        map.entry(bird.weight).or_default().push(bird);
        map
    });
    let mut heap: BinaryHeap<(usize, u32)> = by_weight.iter().map(|(w, b)| (b.len(), *w)).collect();
    while let Some((n, w)) = heap.pop() {
        sum = (sum ^ (n as u64) << 32 ^ u64::from(w)).wrapping_mul(0x100000001b3);
    }
    sum
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(10, |a| a.parse().expect("rounds"));
    let mut state = 2463534242;
    let sum = (0..rounds).fold(0u64, |sum, _| sum.rotate_left(5) ^ round(&mut state));
    println!("{:016x}", sum);
}
