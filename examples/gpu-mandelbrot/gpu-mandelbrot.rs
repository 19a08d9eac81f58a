//! Draws the Mandelbrot set on a GPU, one work-item a pixel, into /out/mandelbrot.png.
//!
//!     gpu-mandelbrot [WIDTH [HEIGHT [ITERATIONS]]]      960 600 300 when left out

#[path = "../../hostabi/rust/godwit_gpu.rs"]
mod gpu;

use std::io::{self, Write};
use std::{env, fs, process};

const SOURCE: &str = include_str!("mandelbrot.cl");

fn main() {
    let mut sizes = [960, 600, 300];
    for (i, arg) in env::args().skip(1).enumerate() {
        match arg.parse::<i32>() {
            Ok(n) if i < 3 && (1..=8192).contains(&n) => sizes[i] = n,
            _ => {
                eprintln!("usage: gpu-mandelbrot [WIDTH [HEIGHT [ITERATIONS]]]   (each up to 8192)");
                process::exit(2);
            }
        }
    }
    let [width, height, iterations] = sizes;
    let drawn = draw(width, height, iterations).map_err(|e| e.to_string());
    let written = drawn.and_then(|rgb| {
        let png = png(width as u32, height as u32, &rgb).map_err(|e| e.to_string())?;
        fs::write("/out/mandelbrot.png", png).map_err(|e| format!("/out/mandelbrot.png: {}", e))
    });
    if let Err(e) = written {
        eprintln!("gpu-mandelbrot: {}", e);
        process::exit(1);
    }
    println!("/out/mandelbrot.png: {} x {}, {} iterations", width, height, iterations);
}

/// Colours all pixels, three bytes each.
fn draw(width: i32, height: i32, iterations: i32) -> Result<Vec<u8>, gpu::Error> {
    let device = gpu::Device(0);
    let mut rgb = vec![0u8; width as usize * height as usize * 3];
    let pixels = device.buffer(rgb.len() as u64)?;
    let kernel = device.build(SOURCE, "-cl-fast-relaxed-math")?.kernel("mandelbrot")?;
    kernel.set(0, width)?;
    kernel.set(1, height)?;
    kernel.set(2, iterations)?;
    kernel.set_vector(3, 2, &[-0.65f32, 0.0])?;
    kernel.set(4, 3.2f32)?;
    kernel.set_buffer(5, &pixels)?;
    let round = |n: i32| (n as u64 + 7) / 8 * 8;
    let event = kernel.launch_groups(&[round(width), round(height)], &[8, 8])?;
    event.wait()?;
    let times = event.times()?;
    eprintln!("{} took {:.1} ms", device.name()?, (times.ended - times.started) as f64 / 1e6);
    pixels.read(0, &mut rgb)?;
    Ok(rgb)
}

/// A PNG of 8 bits a channel whose data is stored as it is (RFC 1951, section 3.2.4).
fn png(width: u32, height: u32, rgb: &[u8]) -> io::Result<Vec<u8>> {
    let mut rows = Vec::with_capacity(rgb.len() + height as usize);
    for row in rgb.chunks(width as usize * 3) {
        rows.push(0); // no filter
        rows.extend_from_slice(row);
    }
    let mut data = vec![0x78, 0x01];
    let blocks = rows.chunks(0xffff);
    let last = blocks.len() - 1;
    for (i, block) in blocks.enumerate() {
        let n = block.len() as u16;
        data.push((i == last) as u8);
        data.extend_from_slice(&n.to_le_bytes());
        data.extend_from_slice(&(!n).to_le_bytes());
        data.extend_from_slice(block);
    }
    data.extend_from_slice(&adler32(&rows).to_be_bytes());

    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        out.write_all(&(data.len() as u32).to_be_bytes())?;
        let begin = out.len();
        out.write_all(kind)?;
        out.write_all(data)?;
        let crc = crc32(&out[begin..]);
        out.write_all(&crc.to_be_bytes())?;
    }
    Ok(out)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for chunk in bytes.chunks(5552) {
        for &v in chunk {
            a += u32::from(v);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0u32; 256];
    for (i, t) in table.iter_mut().enumerate() {
        *t = (0..8).fold(i as u32, |c, _| if c & 1 != 0 { 0xedb88320 ^ c >> 1 } else { c >> 1 });
    }
    !bytes.iter().fold(!0, |c: u32, &b| table[(c as u8 ^ b) as usize] ^ c >> 8)
}
