//! A language model's forward pass on a GPU: a transformer of two layers that has learned a
//! poem by heart, one character a token. All its matrices are multiplied by the ready-made kernel
//! sgemm, rows are normed by layernorm, attention goes through softmax; keys and values of what
//! has been read stay on the device. What there is no kernel for, some hundred numbers a
//! token, is done here.
//!
//!     gpu-transformer [PROMPT [CHARACTERS]]      "'Twas brillig" and 340 when left out

#[path = "../../hostabi/rust/godwit_gpu.rs"]
mod gpu;

use gpu::{Buffer, Device, Error, Kernel};
use std::io::{self, Write};
use std::{env, process};

/// Made by `go run ./examples/gpu-transformer/train`.
const WEIGHTS: &[u8] = include_bytes!("weights.bin");

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let prompt = args.get(0).map_or("'Twas brillig", |s| s.as_str());
    match args.get(1).map_or(Ok(340), |s| s.parse::<usize>()) {
        Ok(count) if args.len() <= 2 && !prompt.is_empty() => {
            if let Err(e) = recite(prompt, count) {
                eprintln!("gpu-transformer: {}", e);
                process::exit(1);
            }
        }
        _ => {
            eprintln!("usage: gpu-transformer [PROMPT [CHARACTERS]]");
            process::exit(2);
        }
    }
}

/// Goes on with the prompt for so many characters, each the likeliest.
fn recite(prompt: &str, count: usize) -> Result<(), Error> {
    let mut model = Model::new(Device(0))?;
    let alphabet = model.alphabet;
    let mut tokens: Vec<usize> = prompt.bytes().filter_map(|c| alphabet.iter().position(|&a| a == c)).collect();
    if tokens.is_empty() {
        tokens.push(0);
    }
    let mut out = io::stdout();
    let mut say = |text: &[u8]| out.write_all(text).and_then(|_| out.flush()).map_err(|_| Error::Errno(29));
    say(prompt.as_bytes())?;
    let (mut logits, mut read) = (Vec::new(), 0);
    for _ in 0..count {
        if model.position == model.context {
            model.position = 0; // and read the last half of it again
            read = tokens.len() - model.context / 2;
        }
        for &token in &tokens[read..] {
            logits = model.step(token)?;
        }
        read = tokens.len();
        let best = (0..logits.len()).fold(0, |a, b| if logits[b] > logits[a] { b } else { a });
        tokens.push(best);
        say(&[alphabet[best]])?;
    }
    say(b"\n")
}

/// One layer's weights, and the queries, keys and values of all tokens so far.
struct Layer {
    norm1: [Buffer; 2],
    qkv: Buffer,
    proj: Buffer,
    norm2: [Buffer; 2],
    up: Buffer,
    down: Buffer,
    cache: Buffer,
}

struct Model {
    width: usize,
    heads: usize,
    context: usize,
    alphabet: &'static [u8],
    tokens: Vec<f32>,
    positions: Vec<f32>,
    layers: Vec<Layer>,
    norm: [Buffer; 2],
    logit: Buffer,

    position: usize, // of the next token
    x: Buffer,       // the token's vector
    h: Buffer,       // normed
    scores: Buffer,
    attended: Buffer,
    hidden: Buffer,
    out: Buffer,

    sgemm: Kernel,
    softmax: Kernel,
    layernorm: Kernel,
}

/// Reads the file of weights: see write in train/main.go.
struct Reader(&'static [u8]);

impl Reader {
    fn bytes(&mut self, n: usize) -> &'static [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }

    fn word(&mut self) -> u32 {
        let b = self.bytes(4);
        u32::from_le_bytes([b[0], b[1], b[2], b[3]])
    }

    fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| f32::from_bits(self.word())).collect()
    }

    fn buffer(&mut self, device: Device, n: usize) -> Result<Buffer, Error> {
        device.buffer_of(&self.floats(n))
    }
}

impl Model {
    fn new(device: Device) -> Result<Model, Error> {
        let mut r = Reader(WEIGHTS);
        assert_eq!(r.bytes(4), b"GWTF", "weights.bin is not of this program");
        let (w, layers, heads, context, v) =
            (r.word() as usize, r.word(), r.word() as usize, r.word() as usize, r.word() as usize);
        let empty = |n: usize| device.buffer(4 * n as u64);
        let alphabet = r.bytes(v);
        let (tokens, positions) = (r.floats(v * w), r.floats(context * w));
        let mut list = Vec::new();
        for _ in 0..layers {
            list.push(Layer {
                norm1: [r.buffer(device, w)?, r.buffer(device, w)?],
                qkv: r.buffer(device, w * 3 * w)?,
                proj: r.buffer(device, w * w)?,
                norm2: [r.buffer(device, w)?, r.buffer(device, w)?],
                up: r.buffer(device, w * 4 * w)?,
                down: r.buffer(device, 4 * w * w)?,
                cache: empty(context * 3 * w)?,
            });
        }
        Ok(Model {
            width: w,
            heads,
            context,
            alphabet,
            tokens,
            positions,
            layers: list,
            norm: [r.buffer(device, w)?, r.buffer(device, w)?],
            logit: r.buffer(device, w * v)?,
            position: 0,
            x: empty(w)?,
            h: empty(w)?,
            scores: empty(heads * context)?,
            attended: empty(w)?,
            hidden: empty(4 * w)?,
            out: empty(v)?,
            sgemm: device.ready("sgemm")?,
            softmax: device.ready("softmax")?,
            layernorm: device.ready("layernorm")?,
        })
    }

    /// Reads a token, and returns how likely each is to be the next.
    fn step(&mut self, token: usize) -> Result<Vec<f32>, Error> {
        let w = self.width;
        let at = self.position;
        let vector: Vec<f32> =
            (0..w).map(|i| self.tokens[token * w + i] + self.positions[at * w + i]).collect();
        self.x.write(0, &vector)?;
        for layer in &self.layers {
            self.attend(layer, at)?;
            self.think(layer)?;
        }
        self.position += 1;
        self.normed(&self.norm)?;
        let v = self.alphabet.len();
        self.multiply(1.0, row(&self.h, 0, w), row(&self.logit, 0, v), 0.0, row(&self.out, 0, v))?;
        let mut logits = vec![0.0; v];
        self.out.read(0, &mut logits)?;
        Ok(logits)
    }

    /// Adds to x what the token learns from those before it.
    fn attend(&self, l: &Layer, at: usize) -> Result<(), Error> {
        let (w, n) = (self.width, at + 1);
        let head = w / self.heads;
        self.normed(&l.norm1)?;
        let own = at * 3 * w;
        self.multiply(1.0, row(&self.h, 0, w), row(&l.qkv, 0, 3 * w), 0.0, row(&l.cache, own, 3 * w))?;
        for i in 0..self.heads {
            let query = row(&l.cache, own + i * head, head);
            let keys = Matrix { ld: 3 * w, transposed: true, ..row(&l.cache, w + i * head, n) };
            self.multiply(1.0 / (head as f32).sqrt(), query, keys, 0.0, row(&self.scores, i * n, n))?;
        }
        self.softmax.set(0, self.heads as i32)?;
        self.softmax.set(1, n as i32)?;
        self.softmax.set_buffer(2, &self.scores)?;
        self.softmax.set_buffer(3, &self.scores)?;
        self.softmax.launch(&[])?;
        for i in 0..self.heads {
            let values = Matrix { ld: 3 * w, ..row(&l.cache, 2 * w + i * head, head) };
            self.multiply(1.0, row(&self.scores, i * n, n), values, 0.0, row(&self.attended, i * head, head))?;
        }
        self.multiply(1.0, row(&self.attended, 0, w), row(&l.proj, 0, w), 1.0, row(&self.x, 0, w))
    }

    /// Adds to x what the token makes of that.
    fn think(&self, l: &Layer) -> Result<(), Error> {
        let w = self.width;
        self.normed(&l.norm2)?;
        self.multiply(1.0, row(&self.h, 0, w), row(&l.up, 0, 4 * w), 0.0, row(&self.hidden, 0, 4 * w))?;
        let mut hidden = vec![0.0f32; 4 * w];
        self.hidden.read(0, &mut hidden)?;
        hidden.iter_mut().for_each(|v| *v = v.max(0.0)); // for which there is no kernel
        self.hidden.write(0, &hidden)?;
        self.multiply(1.0, row(&self.hidden, 0, 4 * w), row(&l.down, 0, w), 1.0, row(&self.x, 0, w))
    }

    /// Makes h of x.
    fn normed(&self, norm: &[Buffer; 2]) -> Result<(), Error> {
        self.layernorm.set(0, 1i32)?;
        self.layernorm.set(1, self.width as i32)?;
        self.layernorm.set(2, 1e-5f32)?;
        for (i, b) in [&self.x, &norm[0], &norm[1], &self.h].iter().enumerate() {
            self.layernorm.set_buffer(3 + i as u32, b)?;
        }
        self.layernorm.launch(&[]).map(drop)
    }

    /// to = alpha a b + beta to, where a and to are rows.
    fn multiply(&self, alpha: f32, a: Matrix, b: Matrix, beta: f32, to: Matrix) -> Result<(), Error> {
        let k = &self.sgemm;
        for (i, n) in [0, b.transposed as usize, 1, to.cols, a.cols].iter().enumerate() {
            k.set(i as u32, *n as i32)?;
        }
        k.set(5, alpha)?;
        k.set(12, beta)?;
        for (i, m) in [(6, a), (9, b), (13, to)] {
            k.set_buffer(i, m.buffer)?;
            k.set(i + 1, m.offset as i32)?;
            k.set(i + 2, m.ld as i32)?;
        }
        k.launch(&[]).map(drop)
    }
}

/// A matrix in a buffer; offset, columns and the distance of its rows count elements.
struct Matrix<'a> {
    buffer: &'a Buffer,
    offset: usize,
    cols: usize,
    ld: usize,
    transposed: bool,
}

/// A matrix whose rows lie one behind the other.
fn row(buffer: &Buffer, offset: usize, cols: usize) -> Matrix {
    Matrix { buffer, offset, cols, ld: cols, transposed: false }
}
