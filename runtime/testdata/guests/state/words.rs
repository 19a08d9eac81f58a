// A reactor that counts words in a HashMap, whose seed is random.
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::BufRead;

thread_local! {
    static WORDS: RefCell<HashMap<String, Vec<usize>>> = RefCell::new(HashMap::new());
}

// Reads a line of standard input and returns how many words it had.
#[no_mangle]
pub extern "C" fn line() -> i64 {
    let mut text = String::new();
    if std::io::stdin().lock().read_line(&mut text).is_err() {
        return -1;
    }
    WORDS.with(|words| {
        let mut words = words.borrow_mut();
        let mut n = 0;
        for word in text.split_whitespace() {
            words.entry(word.to_string()).or_default().push(text.len());
            n += 1;
        }
        n
    })
}

// A hash over all that is known, in the map's own order.
#[no_mangle]
pub extern "C" fn digest() -> i64 {
    WORDS.with(|words| {
        let mut h: u64 = 14695981039346656037;
        for (word, places) in words.borrow().iter() {
            for b in word.bytes() {
                h = (h ^ b as u64).wrapping_mul(1099511628211);
            }
            h = h.wrapping_add(places.iter().sum::<usize>() as u64);
        }
        h as i64
    })
}
