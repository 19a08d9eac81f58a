//! Panics as Rust programs do: its argument says how.

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    let list = vec![1, 2, 3];
    println!("before");
    match how.as_str() {
        "index" => println!("{}", list[how.len()]),
        "unwrap" => println!("{}", how.parse::<i32>().unwrap()),
        "exit" => std::process::exit(42),
        "error" => eprintln!("no panic at all"),
        _ => panic!("at the disco, with {} songs", list.len()),
    }
    println!("after");
}
