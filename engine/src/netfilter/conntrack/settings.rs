//! The settings `net.netfilter.nf_conntrack_*` that connection tracking reads, with the kernel's defaults.

use crate::base::TcpState;

/// Timeouts are in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `tcp_timeout_*` by state; see [`Settings::tcp`].
    tcp_s: [u32; TcpState::ALL.len()],
    /// `tcp_timeout_max_retrans`: at most this long after `tcp_max_retrans` retransmissions.
    pub tcp_max_retrans_s: u32,
    /// `tcp_timeout_unacknowledged`: at most this long while something is not acknowledged.
    pub tcp_unacknowledged_s: u32,
    pub udp_s: u32,
    pub udp_stream_s: u32,
    pub icmp_s: u32,
    pub generic_s: u32,
    /// `tcp_max_retrans`.
    pub tcp_max_retrans: u8,
    /// `tcp_loose`: connections whose beginning was not seen are picked up.
    pub tcp_loose: bool,
    /// `tcp_be_liberal`: segments out of window are not invalid.
    pub tcp_be_liberal: bool,
    /// `tcp_ignore_invalid_rst`.
    pub tcp_ignore_invalid_rst: bool,
    /// `checksum`: packets with wrong checksums are invalid.
    pub checksum: bool,
    /// `acct`: new connections count packets and bytes.
    pub acct: bool,
    /// `nf_conntrack_max`: connections in the table.
    pub max: u32,
    /// `nf_conntrack_buckets`: lists that the table is made of, one for the whole machine.
    pub buckets: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tcp_s: [0, 120, 60, 432_000, 120, 60, 30, 120, 10, 120],
            tcp_max_retrans_s: 300,
            tcp_unacknowledged_s: 300,
            udp_s: 30,
            udp_stream_s: 120,
            icmp_s: 30,
            generic_s: 600,
            tcp_max_retrans: 3,
            tcp_loose: true,
            tcp_be_liberal: false,
            tcp_ignore_invalid_rst: false,
            checksum: true,
            acct: false,
            max: 262_144,
            buckets: 262_144,
        }
    }
}

impl Settings {
    /// `tcp_timeout_STATE`.
    pub const fn tcp(&self, state: TcpState) -> u32 {
        self.tcp_s[state as usize]
    }

    /// Those that differ from the kernel's defaults, by the part of their names behind `net.netfilter.nf_conntrack_`.
    pub fn changed(&self) -> Vec<(String, u32)> {
        let mut all: Vec<(String, u32)> = TcpState::ALL[1..9]
            .iter()
            .map(|&it| (format!("tcp_timeout_{}", it.name().to_ascii_lowercase()), self.tcp(it)))
            .collect();
        let others = [
            ("tcp_timeout_max_retrans", self.tcp_max_retrans_s),
            ("tcp_timeout_unacknowledged", self.tcp_unacknowledged_s),
            ("udp_timeout", self.udp_s),
            ("udp_timeout_stream", self.udp_stream_s),
            ("icmp_timeout", self.icmp_s),
            ("generic_timeout", self.generic_s),
            ("tcp_max_retrans", u32::from(self.tcp_max_retrans)),
            ("tcp_loose", u32::from(self.tcp_loose)),
            ("tcp_be_liberal", u32::from(self.tcp_be_liberal)),
            ("tcp_ignore_invalid_rst", u32::from(self.tcp_ignore_invalid_rst)),
            ("checksum", u32::from(self.checksum)),
            ("acct", u32::from(self.acct)),
            ("max", self.max),
        ];
        all.extend(others.map(|(name, value)| (name.to_owned(), value)));
        all.retain(|(name, value)| {
            let mut with = Self::default();
            with.set(name, *value) && with != Self::default()
        });
        all
    }

    /// Sets one by the part of its name behind `net.netfilter.nf_conntrack_`; false for a name that is none of these.
    pub fn set(&mut self, name: &str, value: u32) -> bool {
        let on = value != 0;
        if let Some(state) = name.strip_prefix("tcp_timeout_") {
            match state {
                "max_retrans" => self.tcp_max_retrans_s = value,
                "unacknowledged" => self.tcp_unacknowledged_s = value,
                _ => {
                    let of = |it: &TcpState| it.name().eq_ignore_ascii_case(state);
                    let Some(state) = TcpState::ALL[1..9].iter().copied().find(of) else {
                        return false;
                    };
                    self.tcp_s[state as usize] = value;
                }
            }
            return true;
        }
        match name {
            "udp_timeout" => self.udp_s = value,
            "udp_timeout_stream" => self.udp_stream_s = value,
            "icmp_timeout" => self.icmp_s = value,
            "generic_timeout" => self.generic_s = value,
            "tcp_max_retrans" => self.tcp_max_retrans = u8::try_from(value).unwrap_or(u8::MAX),
            "tcp_loose" => self.tcp_loose = on,
            "tcp_be_liberal" => self.tcp_be_liberal = on,
            "tcp_ignore_invalid_rst" => self.tcp_ignore_invalid_rst = on,
            "checksum" => self.checksum = on,
            "acct" => self.acct = on,
            "max" => self.max = value,
            "buckets" => self.buckets = value.max(1),
            _ => return false,
        }
        true
    }
}
