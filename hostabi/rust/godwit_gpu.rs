//! Computing on GPUs from Rust: a file to take in with `#[path = ".../godwit_gpu.rs"] mod gpu;`.
//! What the calls mean and cost is in hostabi/gpu/doc.go. It needs Rust 1.63 and no crates.
//!
//! ```ignore
//! let device = gpu::Device(0);
//! let x = device.buffer_of(&data)?;
//! let program = device.build(SOURCE, "")?;
//! let kernel = program.kernel("square")?;
//! kernel.set(0, data.len() as i32)?;
//! kernel.set_buffer(1, &x)?;
//! kernel.launch(&[data.len() as u64])?.wait()?;
//! x.read(0, &mut data)?;
//! ```
//!
//! What a value holds on the device is freed when it is dropped; launches go on.
#![allow(dead_code)]

use std::fmt;
use std::mem::size_of;
use std::slice;

mod host {
    use super::{Facts, ParameterFacts, Range, Times};

    #[link(wasm_import_module = "godwit_gpu")]
    extern "C" {
        pub(super) fn mode() -> u32;
        pub(super) fn devices(n: *mut u32) -> u32;
        pub(super) fn device(device: u32, facts: *mut Facts) -> u32;
        pub(super) fn device_text(device: u32, what: u32, to: *mut u8, size: usize, n: *mut u32) -> u32;
        pub(super) fn memory(used: *mut u64, most: *mut u64) -> u32;
        pub(super) fn buffer(device: u32, size: u64, buffer: *mut u64) -> u32;
        pub(super) fn size(buffer: u64, size: *mut u64) -> u32;
        pub(super) fn write(buffer: u64, offset: u64, from: *const u8, size: usize) -> u32;
        pub(super) fn read(buffer: u64, offset: u64, to: *mut u8, size: usize) -> u32;
        pub(super) fn copy(from: u64, from_offset: u64, to: u64, to_offset: u64, size: u64) -> u32;
        pub(super) fn free(handle: u64) -> u32;
        pub(super) fn build(
            device: u32,
            kind: u32,
            code: *const u8,
            size: usize,
            options: *const u8,
            options_size: usize,
            program: *mut u64,
        ) -> u32;
        pub(super) fn build_log(to: *mut u8, size: usize, n: *mut u32) -> u32;
        pub(super) fn kernel(program: u64, name: *const u8, size: usize, kernel: *mut u64) -> u32;
        pub(super) fn ready(device: u32, name: *const u8, size: usize, kernel: *mut u64) -> u32;
        pub(super) fn parameters(kernel: u64, n: *mut u32) -> u32;
        pub(super) fn parameter(
            kernel: u64,
            index: u32,
            facts: *mut ParameterFacts,
            to: *mut u8,
            size: usize,
            n: *mut u32,
        ) -> u32;
        pub(super) fn set_buffer(kernel: u64, index: u32, buffer: u64, offset: u64, size: u64) -> u32;
        pub(super) fn set_value(kernel: u64, index: u32, kind: u32, value: *const u8, size: usize) -> u32;
        pub(super) fn set_local(kernel: u64, index: u32, size: usize) -> u32;
        pub(super) fn launch(kernel: u64, range: *const Range, event: *mut u64) -> u32;
        pub(super) fn wait(event: u64) -> u32;
        pub(super) fn done(event: u64, ended: *mut u32) -> u32;
        pub(super) fn times(event: u64, times: *mut Times) -> u32;
    }
}

/// An error of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Source that does not compile, and what the compiler said.
    Build(String),
    /// An error number, as in WASI.
    Errno(u32),
}

macro_rules! errnos {
    ($($name:ident = $number:expr, $words:expr;)*) => {
        $(#[doc = $words] pub const $name: Error = Error::Errno($number);)*

        fn words(errno: u32) -> Option<&'static str> {
            match errno {
                $($number => Some($words),)*
                _ => None,
            }
        }
    };
}

errnos! {
    TOO_LONG = 1, "too long";
    NOT_ENDED = 6, "has not ended";
    NO_HANDLE = 8, "no such handle";
    TIME_USED_UP = 19, "device time is used up";
    BAD_MEMORY = 21, "out of the guest's memory";
    BAD_TEXT = 25, "text is not UTF-8";
    INVALID = 28, "invalid argument";
    FAILED = 29, "launch failed";
    TOO_MANY = 33, "too many handles";
    NO_DEVICE = 43, "no such device";
    NOT_FOUND = 44, "not found";
    NO_MEMORY = 48, "out of device memory";
    NO_GPU = 52, "this run has no GPU: see --gpu";
    NO_SUPPORT = 58, "not supported by the device";
    OUT_OF_RANGE = 68, "out of range";
    TIMED_OUT = 73, "took too long";
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Build(log) => write!(f, "program does not build:\n{}", log),
            Error::Errno(n) => match words(*n) {
                Some(words) => f.write_str(words),
                None => write!(f, "GPU errno {}", n),
            },
        }
    }
}

impl std::error::Error for Error {}

fn check(errno: u32) -> Result<(), Error> {
    match errno {
        0 => Ok(()),
        n => Err(Error::Errno(n)),
    }
}

/// How much the run wants a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    None,
    Preferred,
    Required,
}

/// The mode of this run.
pub fn mode() -> Mode {
    match unsafe { host::mode() } {
        0 => Mode::None,
        1 => Mode::Preferred,
        _ => Mode::Required,
    }
}

/// What a device is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Bytes that this run may have there.
    pub memory: u64,
    /// Bytes of the largest buffer.
    pub largest: u64,
    /// Bytes that a work-group shares.
    pub local: u64,
    /// Compute units.
    pub units: u32,
    /// Work-items of the largest work-group.
    pub group: u32,
    /// 0: Go code in the host, with the ready-made kernels alone; 1: CPU; 2: GPU; 3: accelerator.
    pub kind: u32,
    flags: u32,
    /// Of OpenCL: major times 256 plus minor.
    pub version: u32,
    /// What the offset of a part of a buffer must be a multiple of, as an argument.
    pub align: u32,
    /// MHz.
    pub clock: u32,
    zero: u32,
}

impl Facts {
    /// Whether it builds OpenCL C.
    pub fn compiles(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether it builds SPIR-V.
    pub fn takes_spirv(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether its kernels can compute with `double`.
    pub fn has_double(&self) -> bool {
        self.flags & 4 != 0
    }

    /// Whether its kernels can compute with `half`.
    pub fn has_half(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Whether its memory is the host's.
    pub fn unified(&self) -> bool {
        self.flags & 16 != 0
    }
}

/// Numbers that kernels take.
pub trait Number: Copy {
    /// The number of the type; see hostabi/gpu.
    const KIND: u32;
}

macro_rules! numbers {
    ($($t:ty = $kind:expr),*) => { $(impl Number for $t { const KIND: u32 = $kind; })* };
}
numbers!(i8 = 1, u8 = 2, i16 = 3, u16 = 4, i32 = 5, u32 = 6, i64 = 7, u64 = 8, Half = 9, f32 = 10, f64 = 11);

/// The bits of a number of 16 bits, of which Rust has none.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half(pub u16);

fn bytes<T: Number>(values: &[T]) -> (*const u8, usize) {
    (values.as_ptr() as *const u8, values.len() * size_of::<T>())
}

/// How many devices there are.
pub fn devices() -> Result<u32, Error> {
    let mut n = 0;
    check(unsafe { host::devices(&mut n) })?;
    Ok(n)
}

/// How many bytes the run's buffers have, and how many they may have.
pub fn memory() -> Result<(u64, u64), Error> {
    let (mut used, mut most) = (0, 0);
    check(unsafe { host::memory(&mut used, &mut most) })?;
    Ok((used, most))
}

/// A device, by its number.
#[derive(Clone, Copy, Debug)]
pub struct Device(pub u32);

impl Device {
    pub fn facts(self) -> Result<Facts, Error> {
        let mut facts = Facts::default();
        check(unsafe { host::device(self.0, &mut facts) })?;
        Ok(facts)
    }

    pub fn name(self) -> Result<String, Error> {
        self.text(0)
    }

    /// Who made it.
    pub fn vendor(self) -> Result<String, Error> {
        self.text(1)
    }

    /// The part of the capability before the number: sm, gfx or opencl.
    pub fn family(self) -> Result<String, Error> {
        self.text(2)
    }

    /// Such as sm_80.
    pub fn capability(self) -> Result<String, Error> {
        self.text(3)
    }

    /// The version of its driver.
    pub fn driver(self) -> Result<String, Error> {
        self.text(4)
    }

    /// What it is called on its machine, each time.
    pub fn id(self) -> Result<String, Error> {
        self.text(5)
    }

    fn text(self, what: u32) -> Result<String, Error> {
        let mut text = [0; 256];
        let mut n = 0;
        check(unsafe { host::device_text(self.0, what, text.as_mut_ptr(), text.len(), &mut n) })?;
        Ok(string(&text, n))
    }

    /// A buffer of so many bytes, all zero.
    pub fn buffer(self, size: u64) -> Result<Buffer, Error> {
        let mut handle = 0;
        check(unsafe { host::buffer(self.0, size, &mut handle) })?;
        Ok(Buffer(Handle(handle)))
    }

    /// A buffer with these.
    pub fn buffer_of<T: Number>(self, values: &[T]) -> Result<Buffer, Error> {
        let b = self.buffer((values.len() * size_of::<T>()) as u64)?;
        b.write(0, values)?;
        Ok(b)
    }

    /// Builds OpenCL C, with options as of clBuildProgram.
    pub fn build(self, source: &str, options: &str) -> Result<Program, Error> {
        self.build_code(0, source.as_bytes(), options)
    }

    /// Builds a module in SPIR-V, where `takes_spirv`.
    pub fn build_spirv(self, module: &[u8], options: &str) -> Result<Program, Error> {
        self.build_code(1, module, options)
    }

    fn build_code(self, kind: u32, code: &[u8], options: &str) -> Result<Program, Error> {
        let mut handle = 0;
        let errno = unsafe {
            host::build(self.0, kind, code.as_ptr(), code.len(), options.as_ptr(), options.len(), &mut handle)
        };
        if errno == 45 {
            return Err(Error::Build(build_log()));
        }
        check(errno)?;
        Ok(Program(Handle(handle)))
    }

    /// A ready-made kernel.
    pub fn ready(self, name: &str) -> Result<Kernel, Error> {
        let mut handle = 0;
        check(unsafe { host::ready(self.0, name.as_ptr(), name.len(), &mut handle) })?;
        Ok(Kernel(Handle(handle)))
    }
}

/// What the compiler said at the last build.
pub fn build_log() -> String {
    let mut text = vec![0; 64 << 10];
    let mut n = 0;
    unsafe { host::build_log(text.as_mut_ptr(), text.len(), &mut n) };
    string(&text, n)
}

/// What the host has put into `to`, of a text of n bytes.
fn string(to: &[u8], n: u32) -> String {
    String::from_utf8_lossy(&to[..(n as usize).min(to.len())]).into_owned()
}

#[derive(Debug)]
struct Handle(u64);

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { host::free(self.0) };
    }
}

/// Memory of a device.
#[derive(Debug)]
pub struct Buffer(Handle);

impl Buffer {
    /// How many bytes it has.
    pub fn size(&self) -> Result<u64, Error> {
        let mut size = 0;
        check(unsafe { host::size(self.0 .0, &mut size) })?;
        Ok(size)
    }

    /// Copies values into the buffer, from an offset in bytes on.
    pub fn write<T: Number>(&self, offset: u64, from: &[T]) -> Result<(), Error> {
        let (p, n) = bytes(from);
        check(unsafe { host::write(self.0 .0, offset, p, n) })
    }

    /// Fills `to` from an offset in bytes on. It waits for what was launched before.
    pub fn read<T: Number>(&self, offset: u64, to: &mut [T]) -> Result<(), Error> {
        let n = to.len() * size_of::<T>();
        check(unsafe { host::read(self.0 .0, offset, to.as_mut_ptr() as *mut u8, n) })
    }

    /// Copies bytes to another buffer.
    pub fn copy_to(&self, offset: u64, to: &Buffer, to_offset: u64, size: u64) -> Result<(), Error> {
        check(unsafe { host::copy(self.0 .0, offset, to.0 .0, to_offset, size) })
    }
}

/// What was built.
#[derive(Debug)]
pub struct Program(Handle);

impl Program {
    pub fn kernel(&self, name: &str) -> Result<Kernel, Error> {
        let mut handle = 0;
        check(unsafe { host::kernel(self.0 .0, name.as_ptr(), name.len(), &mut handle) })?;
        Ok(Kernel(Handle(handle)))
    }
}

/// A kernel with its arguments.
#[derive(Debug)]
pub struct Kernel(Handle);

/// Where a parameter's memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    Value,
    Global,
    Constant,
    Local,
}

/// What a kernel takes.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub space: Space,
    /// The type as in the source: "float4".
    pub name: String,
    /// The number of a value's type, plus 256 times its lanes; 0 for those that the source has made.
    pub kind: u32,
    /// Of a value, in bytes; 0 if it is not known.
    pub size: u32,
}

#[repr(C)]
#[derive(Default)]
struct ParameterFacts {
    space: u32,
    kind: u32,
    size: u32,
}

#[repr(C)]
#[derive(Default)]
struct Range {
    dimensions: u32,
    zero: u32,
    offset: [u64; 3],
    global: [u64; 3],
    local: [u64; 3],
}

impl Kernel {
    /// Sets an argument that is a number.
    pub fn set<T: Number>(&self, index: u32, value: T) -> Result<(), Error> {
        let (p, n) = bytes(slice::from_ref(&value));
        check(unsafe { host::set_value(self.0 .0, index, T::KIND, p, n) })
    }

    /// Sets an argument that is a vector of 2, 3, 4, 8 or 16 numbers; one of 3 has a fourth.
    pub fn set_vector<T: Number>(&self, index: u32, lanes: u32, values: &[T]) -> Result<(), Error> {
        let (p, n) = bytes(values);
        check(unsafe { host::set_value(self.0 .0, index, T::KIND | lanes << 8, p, n) })
    }

    /// Sets an argument that is a structure: with the members that the kernel's has, padded alike
    /// (`#[repr(C)]`), and no pointers.
    pub fn set_struct<T: Copy>(&self, index: u32, value: &T) -> Result<(), Error> {
        let p = value as *const T as *const u8;
        check(unsafe { host::set_value(self.0 .0, index, 0, p, size_of::<T>()) })
    }

    /// Sets an argument that is a pointer to nothing.
    pub fn set_null(&self, index: u32) -> Result<(), Error> {
        check(unsafe { host::set_buffer(self.0 .0, index, 0, 0, 0) })
    }

    /// What it takes, in order.
    pub fn parameters(&self) -> Result<Vec<Parameter>, Error> {
        let mut n = 0;
        check(unsafe { host::parameters(self.0 .0, &mut n) })?;
        (0..n).map(|i| self.parameter(i)).collect()
    }

    fn parameter(&self, index: u32) -> Result<Parameter, Error> {
        let mut facts = ParameterFacts::default();
        let mut text = [0; 256];
        let mut n = 0;
        check(unsafe { host::parameter(self.0 .0, index, &mut facts, text.as_mut_ptr(), text.len(), &mut n) })?;
        let space = match facts.space {
            0 => Space::Value,
            1 => Space::Global,
            2 => Space::Constant,
            _ => Space::Local,
        };
        Ok(Parameter { space, name: string(&text, n), kind: facts.kind, size: facts.size })
    }

    /// Sets an argument that is a buffer.
    pub fn set_buffer(&self, index: u32, buffer: &Buffer) -> Result<(), Error> {
        self.set_part(index, buffer, 0, 0)
    }

    /// Sets an argument that is a part of a buffer, in bytes; size 0 is the rest of it.
    pub fn set_part(&self, index: u32, buffer: &Buffer, offset: u64, size: u64) -> Result<(), Error> {
        check(unsafe { host::set_buffer(self.0 .0, index, buffer.0 .0, offset, size) })
    }

    /// Sets an argument that is memory of the work-group, in bytes.
    pub fn set_local(&self, index: u32, size: usize) -> Result<(), Error> {
        check(unsafe { host::set_local(self.0 .0, index, size) })
    }

    /// Launches over so many work-items in one to three dimensions; in none, as a ready-made
    /// kernel takes it.
    pub fn launch(&self, global: &[u64]) -> Result<Event, Error> {
        self.launch_groups(global, &[])
    }

    /// Launches in work-groups of that shape.
    pub fn launch_groups(&self, global: &[u64], local: &[u64]) -> Result<Event, Error> {
        self.launch_range(&[], global, local)
    }

    /// Launches with something added to the global ids. What is left out of offset is 0; of
    /// local, it is for the device to choose.
    pub fn launch_range(&self, offset: &[u64], global: &[u64], local: &[u64]) -> Result<Event, Error> {
        if global.len() > 3 || offset.len() > global.len() || local.len() > global.len() {
            return Err(INVALID);
        }
        let mut range = Range { dimensions: global.len() as u32, ..Range::default() };
        range.offset[..offset.len()].copy_from_slice(offset);
        range.global[..global.len()].copy_from_slice(global);
        range.local[..local.len()].copy_from_slice(local);
        let mut handle = 0;
        check(unsafe { host::launch(self.0 .0, &range, &mut handle) })?;
        Ok(Event(Handle(handle)))
    }
}

/// The stations of a launch, in nanoseconds of the device's clock.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub queued: u64,
    pub submitted: u64,
    pub started: u64,
    pub ended: u64,
}

/// What becomes of a launch.
#[derive(Debug)]
pub struct Event(Handle);

impl Event {
    pub fn wait(&self) -> Result<(), Error> {
        check(unsafe { host::wait(self.0 .0) })
    }

    pub fn done(&self) -> Result<bool, Error> {
        let mut ended = 0;
        check(unsafe { host::done(self.0 .0, &mut ended) })?;
        Ok(ended != 0)
    }

    /// Of a launch that has ended.
    pub fn times(&self) -> Result<Times, Error> {
        let mut times = Times::default();
        check(unsafe { host::times(self.0 .0, &mut times) })?;
        Ok(times)
    }
}

/// Waits for all launches.
pub fn wait_all() -> Result<(), Error> {
    check(unsafe { host::wait(0) })
}
