//! A bank in which every account is an actor. Money goes from one to another by
//! messages that take effect exactly once, so that none is made or lost whatever
//! happens to the machines in between.
//!
//! To an account: `open AMOUNT`, `transfer TO AMOUNT [NOTE]`, `balance`, `ledger`.

#[path = "../../hostabi/rust/godwit.rs"]
mod godwit;

use godwit::{Kind, Message};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

/// How long a transfer may wait for the other account: for ever, as far as money is
/// concerned. To give up earlier would be to pay back what may still arrive.
const PATIENCE: Duration = Duration::from_secs(365 * 24 * 3600);

/// How many lines of the ledger are kept.
const LINES: usize = 100_000;

#[derive(Default)]
struct Account {
    opened: bool,
    balance: u64,
    /// Transfers that the other side has not confirmed, by the number of the ask.
    pending: HashMap<u64, Transfer>,
    ledger: Vec<Line>,
}

struct Transfer {
    request: Message,
    to: String,
    amount: u64,
    note: String,
}

/// Money that came (or went, below zero), with whom, and what for.
struct Line {
    amount: i64,
    with: String,
    note: String,
}

type Reply = Result<Option<Vec<u8>>, String>;

impl Account {
    fn handle(&mut self, m: &Message) -> Reply {
        if m.kind == Kind::Reply {
            self.settle(m);
            return Ok(None);
        }
        let text = std::str::from_utf8(&m.payload).map_err(|e| e.to_string())?;
        let mut words = text.splitn(4, ' ');
        let mut next = || words.next().unwrap_or("");
        match (next(), !m.sender.is_empty()) {
            ("credit", true) => self.credit(m, amount(next())?, next()),
            ("open", _) => self.open(amount(next())?),
            ("transfer", _) => {
                let (to, n) = (next().to_string(), amount(next())?);
                self.transfer(m, to, n, next().to_string())
            }
            ("balance", _) => self.tell(),
            ("ledger", _) => Ok(Some(self.lines().into_bytes())),
            _ => Err("want open AMOUNT, transfer TO AMOUNT [NOTE], balance or ledger".to_string()),
        }
    }

    fn tell(&self) -> Reply {
        Ok(Some(self.balance.to_string().into_bytes()))
    }

    fn open(&mut self, n: u64) -> Reply {
        if self.opened {
            return Err("the account is open already".to_string());
        }
        self.opened = true;
        self.balance += n;
        self.note(n as i64, "", "open");
        self.tell()
    }

    /// Takes the money and sends it off; the one who asked is answered when it has
    /// arrived.
    fn transfer(&mut self, m: &Message, to: String, n: u64, note: String) -> Reply {
        if n > self.balance {
            return Err(format!("only {} there", self.balance));
        }
        if to == godwit::name() {
            return Err("an account does not transfer to itself".to_string());
        }
        let credit = format!("credit {} {}", n, note);
        let ask = godwit::ask_later(&to, credit.as_bytes(), PATIENCE).map_err(|e| e.to_string())?;
        self.balance -= n;
        self.pending.insert(ask, Transfer { request: m.clone(), to, amount: n, note });
        Ok(None)
    }

    /// The other account has the money, or has refused it.
    fn settle(&mut self, m: &Message) {
        let t = match self.pending.remove(&m.token) {
            Some(t) => t,
            None => return,
        };
        let _ = if m.failed {
            self.balance += t.amount;
            t.request.refuse(&format!("{}: {}", t.to, String::from_utf8_lossy(&m.payload)))
        } else {
            self.note(-(t.amount as i64), &t.to, &t.note);
            t.request.reply(self.balance.to_string().as_bytes())
        };
    }

    fn credit(&mut self, m: &Message, n: u64, note: &str) -> Reply {
        if !self.opened {
            return Err("no such account".to_string());
        }
        self.balance += n;
        self.note(n as i64, &m.sender, note);
        Ok(Some(b"ok".to_vec()))
    }

    fn note(&mut self, amount: i64, with: &str, note: &str) {
        if self.ledger.len() == LINES {
            self.ledger.remove(0);
        }
        self.ledger.push(Line { amount, with: with.to_string(), note: note.to_string() });
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        for l in &self.ledger {
            let _ = writeln!(text, "{:+} {} {}", l.amount, l.with, l.note);
        }
        text
    }
}

/// An amount that fits what accounts can hold together.
fn amount(word: &str) -> Result<u64, String> {
    match word.parse::<u64>() {
        Ok(n) if n <= 1 << 53 => Ok(n),
        _ => Err(format!("{:?} is no amount", word)),
    }
}

thread_local! {
    static ACCOUNT: RefCell<Account> = RefCell::new(Account::default());
}

#[no_mangle]
pub extern "C" fn godwit_handle() {
    godwit::handle(|m| ACCOUNT.with(|a| a.borrow_mut().handle(m)));
}
