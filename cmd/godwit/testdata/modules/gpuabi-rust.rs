//! What gpuabi.c does, in Rust.
#[path = "../../../../hostabi/rust/godwit_gpu.rs"]
mod gpu;

use std::io::Read;

fn number(e: gpu::Error) -> u32 {
    match e {
        gpu::Error::Build(_) => 45,
        gpu::Error::Errno(n) => n,
    }
}

const D: gpu::Device = gpu::Device(0);

fn device() -> Result<(), gpu::Error> {
    let texts = [D.name()?, D.vendor()?, D.family()?, D.capability()?, D.driver()?, D.id()?];
    let texts = texts.iter().filter(|t| !t.is_empty()).count();
    println!(
        "mode {}, devices {}, {} texts, compiles {}",
        gpu::mode() as u32,
        (gpu::devices()? > 0) as u32,
        texts,
        D.facts()?.compiles() as u32
    );
    Ok(())
}

fn buffers() -> Result<(), gpu::Error> {
    let (a, b) = (D.buffer(80)?, D.buffer(48)?);
    let (used, most) = gpu::memory()?;
    let mut text = [0u8; 5];
    a.write(70, b"godwit")?;
    a.copy_to(71, &b, 3, 5)?;
    b.read(3, &mut text)?;
    let words = String::from_utf8_lossy(&text);
    println!("size {}, used {} of more {}, {}", a.size()?, used, (most > used) as u32, words);
    println!("beyond: {}", number(b.read(44, &mut text).unwrap_err()));
    Ok(())
}

fn numbers(p: &gpu::Program) -> Result<(), gpu::Error> {
    let (k, o) = (p.kernel("numbers")?, D.buffer(80)?);
    k.set_buffer(0, &o)?;
    k.set(1, -1i8)?;
    k.set(2, 255u8)?;
    k.set(3, -2i16)?;
    k.set(4, 65535u16)?;
    k.set(5, -3i32)?;
    k.set(6, 4294967295u32)?;
    k.set(7, -4i64)?;
    k.set(8, 1u64 << 62)?;
    k.set(9, 0.5f32)?;
    k.set(10, 0.25f64)?;
    println!("half for an int: {}", number(k.set(5, gpu::Half(0)).unwrap_err()));
    k.launch(&[1, 1, 1])?;
    let mut got = [0i64; 10];
    o.read(0, &mut got)?;
    println!("{}", got.iter().map(i64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Pair {
    tag: i8,
    weight: f64,
}

fn shapes(p: &gpu::Program) -> Result<(), gpu::Error> {
    let (k, o) = (p.kernel("shapes")?, D.buffer(32)?);
    let (mut table, mut u) = ([0f32; 64], [0u8; 16]);
    table[32] = 0.5;
    u[15] = 3;
    let t = D.buffer_of(&table)?;
    for a in k.parameters()? {
        println!("{}: space {}, type {}, size {}", a.name, a.space as u32, a.kind, a.size);
    }
    k.set_buffer(0, &o)?;
    k.set_part(1, &t, 128, 4)?;
    k.set_vector(2, 4, &[0f32, 0.0, 0.0, 1.0])?;
    k.set_vector(3, 3, &[0i32, 0, 2, 0])?;
    k.set_vector(4, 16, &u)?;
    k.set_struct(5, &Pair { tag: 5, weight: 0.25 })?;
    k.set_local(6, 16)?;
    k.set_null(7)?;
    let e = k.launch_range(&[100], &[8], &[4])?;
    e.wait()?;
    let times = e.times()?;
    let mut got = [0f32; 8];
    o.read(0, &mut got)?;
    let order = times.started <= times.ended;
    println!("{} {}, ended {}, in order {}", got[0], got[7], e.done()? as u32, order as u32);
    Ok(())
}

fn run() -> Result<(), gpu::Error> {
    let mut source = String::new();
    std::io::stdin().read_to_string(&mut source).expect("a source");
    device()?;
    buffers()?;
    let p = D.build(&source, "-Werror")?;
    numbers(&p)?;
    shapes(&p)?;
    let e = D.build("nonsense", "").unwrap_err();
    println!("nonsense: {}, log {}", number(e), !gpu::build_log().is_empty() as u32);
    let e = number(D.build_spirv(b"nonsense", "").unwrap_err());
    println!("SPIR-V: {}", (e == 45 || e == 58) as u32);
    println!("no kernel: {}", number(p.kernel("none").unwrap_err()));
    println!("no arguments: {}", number(D.ready("saxpy")?.launch(&[]).unwrap_err()));
    gpu::wait_all()
}

fn main() {
    if let Err(e) = run() {
        println!("{}", e);
        std::process::exit(1);
    }
}
