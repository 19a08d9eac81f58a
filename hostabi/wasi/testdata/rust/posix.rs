// Checks what a Rust program expects of its file system: panics at the first
// check that fails.
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant, SystemTime};

fn main() {
    assert_eq!(std::env::args().nth(1).as_deref(), Some("an argument"));
    assert_eq!(std::env::var("NAME").as_deref(), Ok("value"));

    assert_eq!(fs::read_to_string("/in/a.txt").unwrap(), "content of a\n");
    assert_eq!(fs::read("/in/missing").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(fs::write("/in/a.txt", "x").is_err());

    let mut f = OpenOptions::new().create_new(true).read(true).write(true).open("/out/f").unwrap();
    f.write_all(b"hello, world").unwrap();
    f.seek(SeekFrom::Start(7)).unwrap();
    let mut s = String::new();
    f.read_to_string(&mut s).unwrap();
    assert_eq!(s, "world");
    f.set_len(5).unwrap();
    f.sync_all().unwrap();
    assert_eq!(fs::read_to_string("out/f").unwrap(), "hello");
    assert_eq!(f.metadata().unwrap().len(), 5);
    assert!(File::open("/out/f").unwrap().write(b"x").is_err());
    assert_eq!(
        OpenOptions::new().create_new(true).write(true).open("/out/f").unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );

    fs::create_dir_all("/tmp/a/b/c").unwrap();
    for i in 0..300 {
        fs::write(format!("/tmp/a/{}", i), "x").unwrap();
    }
    assert_eq!(fs::read_dir("/tmp/a").unwrap().count(), 301);
    fs::hard_link("/out/f", "/tmp/a/link").unwrap();
    assert_eq!(fs::copy("/out/f", "/out/copy").unwrap(), 5);
    fs::rename("/tmp/a/b", "/out/b").unwrap();
    assert!(fs::metadata("/out/b/c").unwrap().is_dir());
    assert!(fs::rename("/out/b", "/out/b/c/d").is_err());
    fs::remove_dir_all("/tmp/a").unwrap();
    assert!(fs::remove_dir("/out/b").is_err());
    fs::remove_dir_all("/out/b").unwrap();

    #[allow(deprecated)]
    let linked = fs::soft_link("f", "/out/s");
    if linked.is_ok() {
        assert_eq!(fs::read_to_string("/out/s").unwrap(), "hello");
        assert!(fs::symlink_metadata("/out/s").unwrap().file_type().is_symlink());
        assert_eq!(fs::read_link("/out/s").unwrap().to_str(), Some("f"));
    }

    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    assert!(start.elapsed() >= Duration::from_millis(2));
    assert!(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() > 1_500_000_000);
    let map: std::collections::HashMap<i32, i32> = (0..10).map(|i| (i, i)).collect(); // seeded by random_get
    assert_eq!(map.len(), 10);

    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    assert_eq!(input, "in");
    println!("done");
}
