//! What the guest of an actor may call, for Rust: a file to take in with
//! `#[path = ".../godwit.rs"] mod godwit;`. What the calls mean and cost is in
//! hostabi/actor/doc.go. It needs Rust 1.63 and no crates.
//!
//! A reactor is a `cdylib` that has a function for each message:
//!
//! ```ignore
//! #[no_mangle]
//! pub extern "C" fn godwit_handle() {
//!     godwit::handle(|m| Ok(Some(m.payload.clone())));
//! }
//! ```
//!
//!     rustc -O --target wasm32-wasi --crate-type cdylib echo.rs
//!
//! A process has a `main` that loops over `godwit::receive`.
#![allow(dead_code)]

use std::fmt;
use std::time::Duration;

mod host {
    use super::Info;

    #[link(wasm_import_module = "godwit_actor")]
    extern "C" {
        pub(super) fn message(info: *mut Info) -> u32;
        pub(super) fn receive(timeout: i64, info: *mut Info) -> u32;
        pub(super) fn payload(to: *mut u8, size: usize, offset: usize, n: *mut u32) -> u32;
        pub(super) fn sender(to: *mut u8, size: usize, n: *mut u32) -> u32;
        pub(super) fn reply(id: *const [u8; 16], payload: *const u8, size: usize) -> u32;
        pub(super) fn refuse(id: *const [u8; 16], reason: *const u8, size: usize) -> u32;
        pub(super) fn send(to: *const u8, to_size: usize, payload: *const u8, size: usize) -> u32;
        pub(super) fn ask(
            to: *const u8,
            to_size: usize,
            payload: *const u8,
            size: usize,
            timeout: i64,
            flags: u32,
            ask: *mut u64,
        ) -> u32;
        #[link_name = "await"]
        pub(super) fn await_reply(ask: u64, length: *mut u32) -> u32;
        pub(super) fn answer(to: *mut u8, size: usize, offset: usize, n: *mut u32) -> u32;
        pub(super) fn timer(delay: i64, token: u64, id: *mut u64) -> u32;
        pub(super) fn cancel(id: u64) -> u32;
        pub(super) fn spawn(name: *const u8, name_size: usize, module: *const u8, size: usize) -> u32;
        pub(super) fn stop(reason: *const u8, size: usize) -> u32;
        pub(super) fn name(to: *mut u8, size: usize, n: *mut u32) -> u32;
        pub(super) fn epoch() -> u64;
        pub(super) fn now() -> i64;
        pub(super) fn random(to: *mut u8, size: usize) -> u32;
        pub(super) fn log(level: u32, text: *const u8, size: usize) -> u32;
        pub(super) fn save(state: *const u8, size: usize) -> u32;
    }
}

/// The host's description of a message.
#[repr(C)]
#[derive(Default)]
struct Info {
    kind: u32,
    length: u32,
    sender: u32,
    failed: u32,
    id: [u8; 16],
    token: u64,
    time: u64,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wants no reply.
    Send,
    /// Wants one.
    Ask,
    /// Answers an ask made with `ask_later`; `token` is the ask.
    Reply,
    /// A timer is due; `token` is what it was set with.
    Timer,
    /// The state from before an upgrade.
    Load,
    /// Of a later version of the host.
    Unknown,
}

/// A message that this actor got.
#[derive(Clone, Debug)]
pub struct Message {
    pub kind: Kind,
    pub id: [u8; 16],
    /// The name of the actor that it is from; empty if it is a client's.
    pub sender: String,
    pub token: u64,
    /// This reply is a refusal, and the payload its reason.
    pub failed: bool,
    pub payload: Vec<u8>,
    /// Nanoseconds since 1970.
    pub time: u64,
}

/// An error number of the host, as in WASI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The other side refused, for this reason.
    Refused(String),
    Errno(u32),
}

/// Nothing came in time.
pub const TIMED_OUT: Error = Error::Errno(73);
/// No such actor.
pub const NO_ACTOR: Error = Error::Errno(44);
/// Too much is under way.
pub const FULL: Error = Error::Errno(6);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(reason) => f.write_str(reason),
            Error::Errno(n) => write!(f, "errno {}", n),
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

impl Info {
    fn read(self) -> Message {
        let mut n = 0;
        let mut payload = vec![0; self.length as usize];
        let mut sender = vec![0; self.sender as usize];
        unsafe {
            host::payload(payload.as_mut_ptr(), payload.len(), 0, &mut n);
            host::sender(sender.as_mut_ptr(), sender.len(), &mut n);
        }
        Message {
            kind: match self.kind {
                1 => Kind::Send,
                2 => Kind::Ask,
                3 => Kind::Reply,
                4 => Kind::Timer,
                5 => Kind::Load,
                _ => Kind::Unknown,
            },
            id: self.id,
            sender: String::from_utf8_lossy(&sender).into_owned(),
            token: self.token,
            failed: self.failed != 0,
            payload,
            time: self.time,
        }
    }
}

impl Message {
    /// Answers an ask; it may be called later than the message it belongs to.
    pub fn reply(&self, payload: &[u8]) -> Result<(), Error> {
        check(unsafe { host::reply(&self.id, payload.as_ptr(), payload.len()) })
    }

    /// Answers an ask with a failure.
    pub fn refuse(&self, reason: &str) -> Result<(), Error> {
        check(unsafe { host::refuse(&self.id, reason.as_ptr(), reason.len()) })
    }
}

/// The message that the actor is at work on.
pub fn current() -> Result<Message, Error> {
    let mut info = Info::default();
    check(unsafe { host::message(&mut info) })?;
    Ok(info.read())
}

/// Waits for the next message, of an actor that is a process; `None` is for ever.
pub fn receive(wait: Option<Duration>) -> Result<Message, Error> {
    let mut info = Info::default();
    let nanos = wait.map_or(-1, |d| d.as_nanos().min(i64::MAX as u128) as i64);
    check(unsafe { host::receive(nanos, &mut info) })?;
    Ok(info.read())
}

/// The whole of `godwit_handle`: calls `f` with the current message, and if that is an
/// ask replies with what it returns, or refuses with its error. An `f` that replies
/// itself, or later, returns `Ok(None)`.
pub fn handle<E: fmt::Display>(f: impl FnOnce(&Message) -> Result<Option<Vec<u8>>, E>) {
    let m = match current() {
        Ok(m) => m,
        Err(_) => return,
    };
    let ask = m.kind == Kind::Ask;
    let _ = match f(&m) {
        Ok(Some(reply)) if ask => m.reply(&reply),
        Ok(_) => Ok(()),
        Err(e) if ask => m.refuse(&e.to_string()),
        Err(e) => log(Level::Error, &e.to_string()),
    };
}

/// Sends a message to an actor by name.
pub fn send(to: &str, payload: &[u8]) -> Result<(), Error> {
    check(unsafe { host::send(to.as_ptr(), to.len(), payload.as_ptr(), payload.len()) })
}

fn begin(to: &str, payload: &[u8], wait: Duration, flags: u32) -> Result<u64, Error> {
    let mut ask = 0;
    let nanos = wait.as_nanos().min(i64::MAX as u128) as i64;
    check(unsafe {
        host::ask(to.as_ptr(), to.len(), payload.as_ptr(), payload.len(), nanos, flags, &mut ask)
    })?;
    Ok(ask)
}

/// Asks an actor without waiting: `wait_for` takes the reply. A wait of zero is the
/// host's default.
pub fn ask(to: &str, payload: &[u8], wait: Duration) -> Result<u64, Error> {
    begin(to, payload, wait, 0)
}

/// Asks an actor; the reply comes as a message of kind `Reply`, whose token is the ask.
pub fn ask_later(to: &str, payload: &[u8], wait: Duration) -> Result<u64, Error> {
    begin(to, payload, wait, 1)
}

/// Waits for the reply to an ask that `ask` made.
pub fn wait_for(ask: u64) -> Result<Vec<u8>, Error> {
    let mut n = 0;
    let errno = unsafe { host::await_reply(ask, &mut n) };
    if errno != 0 && errno != 14 {
        return Err(Error::Errno(errno));
    }
    let mut answer = vec![0; n as usize];
    unsafe { host::answer(answer.as_mut_ptr(), answer.len(), 0, &mut n) };
    match errno {
        0 => Ok(answer),
        _ => Err(Error::Refused(String::from_utf8_lossy(&answer).into_owned())),
    }
}

/// Asks an actor and waits for its reply.
pub fn call(to: &str, payload: &[u8], wait: Duration) -> Result<Vec<u8>, Error> {
    wait_for(ask(to, payload, wait)?)
}

/// Has a message of kind `Timer` come after a delay.
pub fn timer(delay: Duration, token: u64) -> Result<u64, Error> {
    let mut id = 0;
    let nanos = delay.as_nanos().min(i64::MAX as u128) as i64;
    check(unsafe { host::timer(nanos, token, &mut id) })?;
    Ok(id)
}

/// Takes a timer back.
pub fn cancel(timer: u64) -> Result<(), Error> {
    check(unsafe { host::cancel(timer) })
}

/// Makes an actor of the module with that CID, or of this one if it is empty. If there
/// is one of that name nothing happens.
pub fn spawn(name: &str, module: &str) -> Result<(), Error> {
    check(unsafe { host::spawn(name.as_ptr(), name.len(), module.as_ptr(), module.len()) })
}

/// Ends this actor when the message is done.
pub fn stop(reason: &str) -> Result<(), Error> {
    check(unsafe { host::stop(reason.as_ptr(), reason.len()) })
}

/// This actor's name.
pub fn name() -> String {
    let mut buf = [0; 255];
    let mut n = 0;
    unsafe { host::name(buf.as_mut_ptr(), buf.len(), &mut n) };
    String::from_utf8_lossy(&buf[..n as usize]).into_owned()
}

/// The number of this activation: to be printed, not to be branched on.
pub fn epoch() -> u64 {
    unsafe { host::epoch() }
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    unsafe { host::now() }
}

/// Fills a buffer with random bytes.
pub fn random(to: &mut [u8]) -> Result<(), Error> {
    check(unsafe { host::random(to.as_mut_ptr(), to.len()) })
}

/// How urgent a line of the log is.
#[derive(Clone, Copy)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes a line for `godwit actor logs`.
pub fn log(level: Level, text: &str) -> Result<(), Error> {
    check(unsafe { host::log(level as u32, text.as_ptr(), text.len()) })
}

/// Hands over the state, within `godwit_save`.
pub fn save(state: &[u8]) -> Result<(), Error> {
    check(unsafe { host::save(state.as_ptr(), state.len()) })
}
