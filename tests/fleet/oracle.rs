//! Asks every server all the time, and knows when one may open.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use maintenance_harness::Client;

/// A server may still open for so long after the store has said last that it may.
const LATE: Duration = Duration::from_secs(6);

pub struct Oracle {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// 0: not known, 1: open, 2: refuses.
    states: Vec<AtomicU8>,
    answers: AtomicUsize,
    /// Until when a server may open. None: for ever.
    may_open: Mutex<Option<Instant>>,
    wrong: Mutex<Vec<String>>,
    ends: AtomicBool,
}

impl Oracle {
    pub fn start(clients: impl Iterator<Item = Client>) -> Self {
        let clients: Vec<_> = clients.collect();
        let shared = Arc::new(Shared {
            states: clients.iter().map(|_| AtomicU8::new(0)).collect(),
            answers: AtomicUsize::new(0),
            may_open: Mutex::new(None),
            wrong: Mutex::new(vec![]),
            ends: AtomicBool::new(false),
        });
        let watch = |(number, client): (usize, Client)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.watch(number, &client))
        };
        let threads = clients.into_iter().enumerate().map(watch).collect();
        Self { shared, threads }
    }

    /// Whether a server refuses, by its last answer.
    pub fn refuses(&self, number: usize) -> Option<bool> {
        match self.shared.states[number].load(Ordering::SeqCst) {
            0 => None,
            state => Some(state == 2),
        }
    }

    /// The store says that the site is open, or is about to say it.
    pub fn may_open(&self) {
        *self.shared.may_open.lock().expect("a lock") = None;
    }

    /// The store says that it is closed.
    pub fn must_not_open(&self) {
        let mut may_open = self.shared.may_open.lock().expect("a lock");
        may_open.get_or_insert_with(|| Instant::now() + LATE);
    }

    #[track_caller]
    pub fn check(&self) {
        let wrong = self.shared.wrong.lock().expect("a lock");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Stops asking. Returns the number of answers.
    pub fn stop(&mut self) -> usize {
        self.shared.ends.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.shared.answers.load(Ordering::SeqCst)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn watch(&self, number: usize, client: &Client) {
        let mut before = 0;
        while !self.ends.load(Ordering::SeqCst) {
            let Ok(answer) = client.try_get_within("/", Duration::from_secs(10)) else {
                self.wrong.lock().expect("a lock").push(format!("server {number} does not answer"));
                return;
            };
            let is_refused =
                answer.header("maintenance").is_some_and(|it| it.starts_with("closed"));
            let state = 1 + u8::from(is_refused);
            let until = *self.may_open.lock().expect("a lock");
            if (before, state) == (2, 1) && until.is_some_and(|until| Instant::now() > until) {
                let line = format!("server {number} opened while the store said that it is closed");
                self.wrong.lock().expect("a lock").push(line);
            }
            before = state;
            self.states[number].store(state, Ordering::SeqCst);
            self.answers.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(10));
        }
    }
}
