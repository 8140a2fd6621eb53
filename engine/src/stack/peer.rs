//! What a host remembers of others to limit what it tells them. Read net/ipv4/inetpeer.c first.
//!
//! Not modelled: that entries are forgotten when there are many.

use std::net::Ipv4Addr;

use crate::base::{FxIndexMap, Nanos};

/// One remote host (`struct inet_peer`). The same saved-up time pays for errors of every kind, and redirects use it up.
#[derive(Clone, Copy, Debug)]
struct Peer {
    /// Saved-up time (`rate_tokens`).
    saved: Nanos,
    /// When it was last counted, or when a redirect was last due (`rate_last`); None: long ago.
    counted: Option<Nanos>,
    /// Redirects sent in a row (`n_redirects`).
    redirects: u32,
}

/// All remote hosts that an error or a redirect was for.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// None until there is one: most namespaces never tell anybody anything.
    peers: Option<Box<FxIndexMap<Ipv4Addr, Peer>>>,
}

/// Errors that may be saved up toward one host (`XRLIM_BURST_FACTOR`).
const BURST: u64 = 6;
/// `net.ipv4.route.error_cost` and `error_burst`: what a missing route costs on top, of at most how much.
const ROUTE_ERROR_COST: Nanos = Nanos::from_secs(1);
const ROUTE_ERROR_BURST: Nanos = Nanos::from_secs(5);
/// `net.ipv4.route.redirect_load`: after the first redirect the second may follow in twice this time, and so on.
const REDIRECT_LOAD: Nanos = Nanos::from_millis(20);
/// `redirect_number`: redirects in a row, before a host is taken to ignore them.
const REDIRECT_NUMBER: u32 = 9;
/// `redirect_silence`: after so long without need for one, redirects begin anew.
const REDIRECT_SILENCE: Nanos = Nanos::from_millis(20 << (REDIRECT_NUMBER + 1));

impl Peers {
    fn peer(&mut self, addr: Ipv4Addr) -> &mut Peer {
        let new = Peer { saved: Nanos::ZERO, counted: None, redirects: 0 };
        self.peers.get_or_insert_default().entry(addr).or_insert(new)
    }

    /// Whether one more error may go to a host (`inet_peer_xrlim_allow`): one in each `interval`, six at once.
    pub(super) fn allows_error(&mut self, to: Ipv4Addr, interval: Nanos, now: Nanos) -> bool {
        self.peer(to).spend(interval, Nanos(BURST * interval.0), now)
    }

    /// Whether the sender of a packet without a route may hear of it (`ip_error`). The error itself costs again.
    pub(super) fn allows_route_error(&mut self, to: Ipv4Addr, now: Nanos) -> bool {
        self.peer(to).spend(ROUTE_ERROR_COST, ROUTE_ERROR_BURST, now)
    }

    /// Whether a host is told of a shorter way once more (`ip_rt_send_redirect`): ever more rarely, since it seems not to
    /// listen, and nine times at most.
    pub(super) fn allows_redirect(&mut self, to: Ipv4Addr, now: Nanos) -> bool {
        let peer = self.peer(to);
        if peer.counted.is_none_or(|last| now > last + REDIRECT_SILENCE) {
            (peer.saved, peer.redirects) = (Nanos::ZERO, 0);
        }
        let due = |last: Nanos| now > last + Nanos(REDIRECT_LOAD.0 << peer.redirects);
        let allowed = peer.redirects == 0 || peer.counted.is_none_or(due);
        if peer.redirects >= REDIRECT_NUMBER {
            peer.counted = Some(now);
            return false;
        }
        if allowed {
            peer.counted = Some(now);
            peer.redirects += 1;
        }
        allowed
    }
}

impl Peer {
    fn spend(&mut self, cost: Nanos, most: Nanos, now: Nanos) -> bool {
        self.saved = match self.counted {
            Some(counted) if counted == now => self.saved,
            Some(counted) => (self.saved + now.since(counted)).min(most),
            None => most,
        };
        self.counted = Some(now);
        let allowed = self.saved >= cost;
        if allowed {
            self.saved = self.saved.since(cost);
        }
        allowed
    }
}
