use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

use crate::Error;

/// A process as the kernel accounts for it.
#[derive(Clone, Copy)]
pub(crate) struct Watched {
    pid: Pid,
    clock: ClockId,
}

impl Watched {
    pub(crate) fn new(pid: u32) -> Result<Self, Error> {
        let pid = Pid::from_raw(i32::try_from(pid)?);
        Ok(Self {
            pid,
            clock: clock_getcpuclockid(pid)?,
        })
    }

    /// Milliseconds of user and system time of all its threads so far, those that ended included. Counted in nanoseconds,
    /// where the ticks of `/proc/PID/stat` are 10 ms long.
    pub(crate) fn cpu_ms(self) -> Result<f64, Error> {
        let spent: Duration = self.clock.now()?.into();
        Ok(spent.as_secs_f64() * 1_000.0)
    }

    /// The most memory that it ever had in RAM, in bytes.
    pub(crate) fn peak_memory_bytes(self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        Ok(kilobytes.ok_or("the kernel does not tell the peak memory")? * 1024)
    }

    /// Asks it to end.
    pub(crate) fn terminate(self) -> Result<(), Error> {
        Ok(kill(self.pid, Signal::SIGTERM)?)
    }
}
