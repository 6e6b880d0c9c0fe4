//! The counts and the violations.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::memory::Trend;
use super::oracle::Outcome;

/// How many violations of a kind are printed; the others are counted.
const TOLD: u64 = 5;

/// How long a fault explains log lines about it: a broken file stays broken for a while.
const EXPLAINS: Duration = Duration::from_secs(300);

pub struct Figures {
    pub seed: u64,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<(&'static str, Outcome), u64>,
    /// Cases in which either the site or a refusal would have been wrong.
    certain: u64,
    faults: BTreeMap<&'static str, (u64, Instant)>,
    left_out: Vec<String>,
    violations: BTreeMap<String, u64>,
    told: Vec<String>,
}

impl Figures {
    pub fn new(seed: u64) -> Self {
        Self { seed, start: Instant::now(), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a correct answer; `is_certain` if the opposite would have been wrong.
    pub fn answered(&self, over: &'static str, outcome: Outcome, is_certain: bool) {
        let mut state = self.lock();
        *state.answers.entry((over, outcome)).or_default() += 1;
        state.certain += u64::from(is_certain);
    }

    pub fn fault(&self, name: &'static str) {
        let mut state = self.lock();
        let (count, last) = state.faults.entry(name).or_insert((0, Instant::now()));
        (*count, *last) = (*count + 1, Instant::now());
    }

    /// Whether there was a recent fault whose name has this prefix.
    pub fn had_fault(&self, name: &str) -> bool {
        let state = self.lock();
        state
            .faults
            .iter()
            .any(|(fault, (_, last))| fault.starts_with(name) && last.elapsed() < EXPLAINS)
    }

    /// Records a kind of fault that cannot be tried here.
    pub fn leave_out(&self, what: &str) {
        eprintln!("LEFT OUT: {what}");
        self.lock().left_out.push(what.to_owned());
    }

    /// Records a violation, with all the information needed to understand it.
    pub fn violation(&self, problem: &str, details: impl FnOnce() -> String) {
        let mut state = self.lock();
        // The part of the text that does not depend on the individual case.
        let kind = problem.split(|letter: char| ":[{(".contains(letter) || letter.is_ascii_digit());
        let kind = kind.take(1).collect::<String>().trim().to_owned();
        let count = state.violations.entry(kind).or_default();
        *count += 1;
        if *count <= TOLD {
            let seconds = self.start.elapsed().as_secs_f64();
            let seed = self.seed;
            let text =
                format!("VIOLATION after {seconds:.3} s (SEED={seed}): {problem}\n{}", details());
            eprintln!("{text}\n");
            state.told.push(text);
        }
    }

    pub fn violations(&self) -> u64 {
        self.lock().violations.values().sum()
    }

    pub fn faults(&self) -> u64 {
        self.lock().faults.values().map(|(count, _)| count).sum()
    }

    pub fn answers(&self) -> u64 {
        self.lock().answers.values().sum()
    }

    /// Prints everything, and writes it to a file.
    pub fn finish(&self, memory: &[Trend], path: &Path) {
        let state = self.lock();
        let seconds = self.start.elapsed().as_secs_f64();
        let total: u64 = state.answers.values().sum();
        println!("{seconds:.0} s, SEED={}", self.seed);
        println!("{total} answers checked, {:.0} a second", total as f64 / seconds);
        let certain = state.certain as f64 / total.max(1) as f64;
        println!("{:.2} % of them while it was certain who passes", certain * 100.0);
        let mut by_way: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for ((over, outcome), count) in &state.answers {
            println!("  {over:<22} {outcome:<8?} {count:>9}");
            by_way.entry(over).or_default().insert(format!("{outcome:?}"), *count);
        }
        let faults: BTreeMap<_, _> =
            state.faults.iter().map(|(name, (count, _))| (*name, *count)).collect();
        println!("{} faults", faults.values().sum::<u64>());
        faults.iter().for_each(|(name, count)| println!("  {name:<46} {count:>6}"));
        state.left_out.iter().for_each(|what| println!("LEFT OUT: {what}"));
        println!("memory (anonymous, KiB; shared memory is not in it)");
        memory.iter().for_each(|trend| println!("  {trend}"));
        let violations: u64 = state.violations.values().sum();
        println!("{violations} violations");
        state.violations.iter().for_each(|(kind, count)| println!("  {kind:<46} {count:>6}"));
        let memory: Value = memory.iter().map(Trend::json).collect();
        let all = json!({
            "seconds": seconds,
            "seed": self.seed,
            "answers": total,
            "certain": certain,
            "answers_by_way": by_way,
            "faults": faults,
            "left_out": state.left_out,
            "memory": memory,
            "violations": violations,
            "violations_by_kind": state.violations,
            "told": state.told,
        });
        std::fs::write(path, format!("{all:#}\n")).expect("the figures are written");
    }
}
