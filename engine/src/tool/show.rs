//! Operations as shell commands, one a line, in the order to run them as root.

use std::fmt;

use super::{End, Op, Ruleset, Setting, Transport, Way};
use crate::stack::fib::TableId;

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddNetns { netns } => {
                writeln!(f, "ip netns add {netns}")?;
                writeln!(
                    f,
                    "ip netns exec {netns} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
                )?;
                write!(f, "ip -n {netns} link set lo up")
            }
            Self::AddVeth { ends: [a, b] } | Self::AddCable { ends: [a, b] } => {
                writeln!(
                    f,
                    "ip -n {} link add {} address {} type veth peer name {} address {} netns {}",
                    a.netns, a.dev, a.mac, b.dev, b.mac, b.netns
                )?;
                writeln!(f, "{}", Up(a))?;
                write!(f, "{}", Up(b))
            }
            Self::AddBridge { bridge } => {
                let End { netns, dev, mac } = bridge;
                writeln!(f, "ip -n {netns} link add {dev} address {mac} type bridge")?;
                write!(f, "{}", Up(bridge))
            }
            Self::AddVxlan { tunnel, vni, local, underlay, port } => {
                let End { netns, dev, mac } = tunnel;
                writeln!(
                    f,
                    "ip -n {netns} link add {dev} address {mac} type vxlan id {vni} local {local} dev {underlay} dstport {port} nolearning"
                )?;
                write!(f, "{}", Up(tunnel))
            }
            Self::AddRemote { netns, dev, mac, remote } => {
                write!(f, "bridge -n {netns} fdb append {mac} dev {dev} dst {remote}")
            }
            Self::AddNeigh { netns, dev, ip, mac } => {
                write!(f, "ip -n {netns} neigh replace {ip} lladdr {mac} dev {dev} nud permanent")
            }
            Self::SetMaster { netns, port, bridge, hairpin } => {
                write!(f, "ip -n {netns} link set {port} master {bridge}")?;
                if *hairpin {
                    write!(f, "\nbridge -n {netns} link set dev {port} hairpin on")?;
                }
                Ok(())
            }
            Self::SetMtu { netns, dev, mtu_bytes } => {
                write!(f, "ip -n {netns} link set {dev} mtu {mtu_bytes}")
            }
            Self::AddAddr { netns, dev, addr } => {
                write!(f, "ip -n {netns} addr add {addr} dev {dev}")
            }
            Self::AddRoute { netns, table, dst, way } => {
                let kind = match way {
                    Way::Blackhole => "blackhole ",
                    Way::Local => "local ",
                    Way::Via(_) | Way::OnLink(..) | Way::Dev(_) => "",
                };
                write!(f, "ip -n {netns} route add {kind}")?;
                if dst.prefix_len() == 0 { f.write_str("default") } else { write!(f, "{dst}") }?;
                match way {
                    Way::Via(via) => write!(f, " via {via}"),
                    Way::OnLink(via, dev) => write!(f, " via {via} dev {dev} onlink"),
                    Way::Dev(dev) => write!(f, " dev {dev}"),
                    Way::Local => f.write_str(" dev lo"),
                    Way::Blackhole => Ok(()),
                }?;
                if *table == TableId::MAIN { Ok(()) } else { write!(f, " table {}", table.0) }
            }
            Self::AddRule { netns, priority, src, sport, mark, table } => {
                write!(f, "ip -n {netns} rule add pref {priority} from {src}")?;
                if let Some((transport, port)) = sport {
                    write!(f, " ipproto {} sport {port}", transport.name())?;
                }
                if let Some(mark) = mark {
                    write!(f, " fwmark {mark:#x}")?;
                }
                write!(f, " lookup {}", table.0)
            }
            Self::Sysctl { netns, setting } => {
                write!(f, "ip netns exec {netns} sysctl -qw net.")?;
                match setting {
                    Setting::IpForward(on) => write!(f, "ipv4.ip_forward={}", u8::from(*on)),
                    Setting::BridgeCallsIptables(on) => {
                        write!(f, "bridge.bridge-nf-call-iptables={}", u8::from(*on))
                    }
                    Setting::ProxyDelay(dev, hundredths) => {
                        write!(f, "ipv4.neigh.{dev}.proxy_delay={hundredths}")
                    }
                    Setting::ConntrackTcpBeLiberal(on) => {
                        write!(f, "netfilter.nf_conntrack_tcp_be_liberal={}", u8::from(*on))
                    }
                    Setting::Conf(dev, conf, value) => {
                        let dev = dev.as_deref().unwrap_or("all");
                        write!(f, "ipv4.conf.{dev}.{}={value}", conf.name())
                    }
                }
            }
            Self::DelNetns { netns } => write!(f, "ip netns del {netns}"),
            Self::IptablesReplace { netns, sets, rules } => {
                write!(
                    f,
                    "for table in raw mangle nat filter; do ip netns exec {netns} iptables -t $table -F; ip netns exec {netns} iptables -t $table -X; done\nip netns exec {netns} ipset destroy"
                )?;
                for sets in sets {
                    write!(f, "\nip netns exec {netns} ipset restore <<'END'\n{sets}END")?;
                }
                for Ruleset { text, .. } in rules.iter().map(|it| &**it) {
                    write!(
                        f,
                        "\nip netns exec {netns} iptables-restore --noflush <<'END'\n{text}END"
                    )?;
                }
                Ok(())
            }
            Self::DelConntrack { netns, dst, port, reply_src } => {
                write!(f, "ip netns exec {netns} conntrack -D -p udp")?;
                if let Some(dst) = dst {
                    write!(f, " --orig-dst {dst}")?;
                }
                write!(f, " --orig-port-dst {port} --reply-src {reply_src}")
            }
            Self::Reload { netns, owner, app: _ } => {
                write!(f, "# {netns}: {owner} reads its configuration again")
            }
            Self::Run { netns, owner, app: _ } => write!(f, "# {netns}: {owner} runs"),
            Self::IpsetRestore { netns, sets } => {
                write!(f, "ip netns exec {netns} ipset restore <<'END'\n{sets}END")
            }
            Self::IptablesRestore { netns, rules } => {
                let text = &rules.text;
                write!(f, "ip netns exec {netns} iptables-restore --noflush <<'END'\n{text}END")
            }
            Self::Serve { netns, transport, port, answer, owner: _ } => {
                let (listen, before) = match transport {
                    Transport::Udp => ("UDP4-RECVFROM", ""),
                    Transport::Tcp => {
                        ("TCP4-LISTEN", "dd bs=64K count=1 status=none of=/dev/null; ")
                    }
                };
                write!(f, "ip netns exec {netns} socat {listen}:{port},fork")?;
                write!(f, r#" "SYSTEM:{before}printf \\'"#)?;
                for &byte in answer {
                    match byte {
                        b' ' | b'-' | b'.' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                            write!(f, "{}", char::from(byte))?;
                        }
                        // A shell's double quotes and socat each take half of the backslashes; printf gets one.
                        _ => write!(f, r"\\\\{byte:03o}")?,
                    }
                }
                f.write_str(r#"\\'" &"#)
            }
        }
    }
}

struct Up<'a>(&'a End);

impl fmt::Display for Up<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip -n {} link set {} up", self.0.netns, self.0.dev)
    }
}
