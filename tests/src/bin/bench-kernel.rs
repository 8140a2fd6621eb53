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
    use everyhop_tests::{kernel, services};
    use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};

    const BATCH: usize = 64;
    const SENDING: Duration = Duration::from_secs(2);
    const MAX_SENT: usize = 20_000_000;
    /// First datagrams of flows of their own.
    const FLOWS: u16 = 500;
    const FIRST_PORT: u16 = 41_000;
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
            ip -n pod-$i route add default via 10.244.1.1
        done
        ip netns exec node sysctl -qw net.ipv4.ip_forward=1
        ip netns exec node sysctl -eqw net.bridge.bridge-nf-call-iptables=$2
        [ $2 = 0 ] || $0 --rules $3 | ip netns exec node iptables-restore
        ip netns exec pod-3 $0 --receive &
        sleep 0.3; ip netns exec pod-2 $0 $1 $4; wait
    ";

    pub(super) fn main() -> ExitCode {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = match words.as_slice() {
            [] => whole(),
            ["--send", to] => send(to),
            ["--first", to] => send_firsts(to),
            ["--receive"] => receive(),
            ["--rules", n] => n.parse().map_err(Error::other).map(|n| {
                print!("{}", services::nat_table(n));
            }),
            _ => Err(Error::other("unknown arguments")),
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
        let rate = |(received, seconds): (f64, f64)| received / seconds / 1e6;
        let plain = measure(&["--send", "0", "0", services::SERVER])?;
        println!("kernel, sendmmsg:  {:.2} million datagrams/s", rate(plain));
        let to = |n: u16| format!("{}:80", services::cluster_ip(n - 1));
        let one = measure(&["--send", "1", "1", &to(1)])?;
        println!("kernel, through a ClusterIP: {:.2} million datagrams/s", rate(one));
        for n in [1, 10_000] {
            let (received, seconds) = measure(&["--first", "1", &n.to_string(), &to(n)])?;
            let each = seconds / received * 1e6;
            println!("kernel, first datagram of a flow, {n} Services: {each:.0} microseconds");
        }
        Ok(())
    }

    /// Datagrams received and the seconds that sending them took.
    fn measure(args: &[&str]) -> Result<(f64, f64)> {
        let this = std::env::current_exe()?;
        let mut child = Command::new("timeout")
            .args(["60", "unshare", "-n", "-m", "bash", "-c", BUILD])
            .arg(this)
            .args(args)
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
            (true, Some(received), Some(seconds)) => Ok((received, seconds)),
            _ => {
                Err(Error::other(format!("the network could not be built or measured ({status})")))
            }
        }
    }

    /// Sends one datagram from each of many ports and prints how long that took, in seconds. The network is all in the
    /// kernel, and a send returns when the datagram lies in the other pod's socket.
    fn send_firsts(to: &str) -> Result<()> {
        let sockets: Vec<UdpSocket> = (0..FLOWS)
            .map(|i| UdpSocket::bind(("0.0.0.0", FIRST_PORT + i)))
            .collect::<Result<_>>()?;
        UdpSocket::bind("0.0.0.0:40000")?.send_to(&PAYLOAD, to)?;
        std::thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        for socket in &sockets {
            socket.send_to(&PAYLOAD, to)?;
        }
        println!("seconds {}", start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Sends for [`SENDING`] and prints how long that really took, in seconds.
    fn send(to: &str) -> Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:40000")?;
        let to: SockaddrIn = to.parse::<std::net::SocketAddrV4>().map_err(Error::other)?.into();
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
        let socket = UdpSocket::bind(services::SERVER)?;
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
