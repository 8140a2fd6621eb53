//! The kernel's own figure beside the engine's: UDP datagrams from one namespace to another through a bridge, by
//! sendmmsg. Needs root; says so and succeeds where it cannot run. Everything happens in namespaces of its own.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("kernel: skipped, this is not Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead as _, BufReader, Error, IoSlice, Result};
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd as _;
    use std::process::{Command, ExitCode, Stdio};
    use std::time::{Duration, Instant};

    use everyhop_tests::datagrams::PAYLOAD;
    use everyhop_tests::kernel;
    use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

    const SERVER: &str = "10.244.1.3:8080";
    const BATCH: usize = 64;
    const SENDING: Duration = Duration::from_secs(2);
    const MAX_SENT: usize = 20_000_000;
    const BUILD: &str = r"
        set -eu
        mkdir -p /run/netns; mount -t tmpfs netns /run/netns
        ip netns add node; ip -n node link set lo up
        ip -n node link add vbr0 type bridge; ip -n node link set vbr0 up; ip -n node addr add 10.244.1.1/24 dev vbr0
        for i in 2 3; do
            ip netns add pod-$i; ip -n pod-$i link set lo up
            ip -n pod-$i link add eth0 type veth peer name veth$i netns node
            ip -n node link set veth$i master vbr0 up
            ip -n pod-$i addr add 10.244.1.$i/24 dev eth0; ip -n pod-$i link set eth0 up
        done
        ip netns exec pod-3 $0 --receive &
        sleep 0.3; ip netns exec pod-2 $0 --send; wait
    ";

    pub(super) fn main() -> ExitCode {
        let arg = std::env::args().nth(1);
        let done = match arg.as_deref() {
            None => whole(),
            Some("--send") => send(),
            Some("--receive") => receive(),
            Some(other) => Err(Error::other(format!("{other}: unknown argument"))),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("bench-kernel: {e}");
                ExitCode::FAILURE
            }
        }
    }

    fn whole() -> Result<()> {
        if let Some(why) = kernel::unavailable() {
            println!("kernel: skipped, {why}");
            return Ok(());
        }
        let this = std::env::current_exe()?;
        let mut child = Command::new("timeout")
            .args(["60", "unshare", "-n", "-m", "bash", "-c", BUILD])
            .arg(this)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or_else(|| Error::other("no output of the child"))?;
        let mut received = None;
        let mut seconds = None;
        for line in BufReader::new(out).lines() {
            let line = line?;
            match line.split_once(' ') {
                Some(("received", n)) => received = n.parse::<f64>().ok(),
                Some(("seconds", s)) => seconds = s.parse::<f64>().ok(),
                _ => {}
            }
        }
        let status = child.wait()?;
        match (status.success(), received, seconds) {
            (true, Some(received), Some(seconds)) => {
                println!("kernel, sendmmsg:  {:.2} million datagrams/s", received / seconds / 1e6);
                Ok(())
            }
            _ => {
                Err(Error::other(format!("the network could not be built or measured ({status})")))
            }
        }
    }

    /// Sends for [`SENDING`] and prints how long that really took, in seconds.
    fn send() -> Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:40000")?;
        let to: SockaddrIn = SERVER.parse::<std::net::SocketAddrV4>().map_err(Error::other)?.into();
        let slices = [[IoSlice::new(&PAYLOAD)]; BATCH];
        let addrs = [Some(to); BATCH];
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < SENDING && sent < MAX_SENT {
            sent += sendmmsg(
                socket.as_raw_fd(),
                &mut headers,
                slices.iter(),
                addrs,
                [],
                MsgFlags::empty(),
            )?
            .count();
        }
        println!("seconds {}", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Reads until nothing came for a while and prints how many datagrams there were.
    fn receive() -> Result<()> {
        let socket = UdpSocket::bind(SERVER)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut buffer = [0; 128];
        let mut received = 0u64;
        while socket.recv(&mut buffer).is_ok() {
            if received == 0 {
                socket.set_read_timeout(Some(Duration::from_millis(500)))?;
            }
            received += 1;
        }
        println!("received {received}");
        Ok(())
    }
}
