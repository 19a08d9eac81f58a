//! Rust's std::fs, std::env and std::io as a program uses them, on /in, /out and /tmp.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

fn walk(path: &str, depth: usize) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|e| e.file_name());
    for entry in entries {
        let name = entry.file_name().into_string().expect("utf-8 name");
        println!("{}{}{}", "  ".repeat(depth), name, if entry.file_type()?.is_dir() { "/" } else { "" });
        if entry.file_type()?.is_dir() {
            walk(&format!("{}/{}", path, name), depth + 1)?;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    walk("/in", 0)?;
    let first = BufReader::new(File::open("/in/a.txt")?).lines().next().expect("a line")?;
    println!("first line: {}", first);

    fs::create_dir_all("/out/deep/er")?;
    fs::write("/out/deep/er/one", "one\n")?;
    writeln!(OpenOptions::new().append(true).open("/out/deep/er/one")?, "two")?;
    fs::copy("/out/deep/er/one", "/out/copy")?;
    let mut file = OpenOptions::new().read(true).write(true).open("/out/copy")?;
    file.seek(SeekFrom::End(-4))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("tail: {:?}, {} bytes", rest, file.metadata()?.len());
    file.set_len(2)?;
    fs::rename("/out/deep/er/one", "/out/one")?;
    fs::remove_dir_all("/out/deep")?;
    walk("/out", 0)?;

    let err = File::open("/out/none").expect_err("no such file");
    println!("missing: {:?}", err.kind());
    let err = fs::create_dir("/out/copy").expect_err("it exists");
    println!("exists: {:?}", err.kind());

    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    println!("stdin: {} words", input.split_whitespace().count());
    let args: Vec<String> = std::env::args().skip(1).collect();
    println!("args: {:?}", args);
    Ok(())
}
