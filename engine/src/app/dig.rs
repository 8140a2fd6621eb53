//! A program that looks a name up and ends, as `getent ahosts NAME` and `host -t TYPE NAME` do.

use super::resolver::{Conf, Resolver};
use super::{Call, Chance, Happened, Outcome, Sock};
use crate::base::Nanos;
use crate::wire::dns::{Name, Type};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dig {
    resolver: Resolver,
}

impl Dig {
    /// Without a type, for the addresses of a name. For an address, asks for the name of its owner, as `host` does.
    pub fn new(conf: &Conf, name: &str, kind: Option<Type>, chance: Chance) -> Self {
        let first = Sock(0);
        let owner =
            name.parse().ok().map(Name::reverse).filter(|_| kind.is_none_or(|it| it == Type::Ptr));
        let resolver = match (owner, kind) {
            (Some(owner), _) => Resolver::records(conf, owner.as_str(), Type::Ptr, first, chance),
            (None, Some(kind)) => Resolver::records(conf, name, kind, first, chance),
            (None, None) => Resolver::addresses(conf, name, first, chance),
        };
        Self { resolver }
    }

    pub fn on(&mut self, happened: &Happened, now: Nanos) -> Vec<Call> {
        let mut calls = Vec::new();
        let resolution = match happened {
            Happened::Started => self.resolver.start(now, &mut calls),
            other => self.resolver.on(other, now, &mut calls),
        };
        calls.extend(resolution.map(|it| Call::Finish(Outcome::Resolved(it))));
        calls
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::sync::Arc;

    use super::*;
    use crate::app::dns_server::{DnsServer, Zone};
    use crate::app::resolver::Resolution;
    use crate::wire::dns::{Data, Rcode};

    const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 40_000);

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    /// Looks a name up at a server of the cluster, with a pod's configuration.
    fn dig(text: &str, kind: Option<Type>) -> Resolution {
        let mut zone = Zone::new(name("cluster.local"), 30);
        let api = name("api.default.svc.cluster.local");
        zone.add(api.clone(), Data::A(Ipv4Addr::new(10, 96, 0, 10)));
        let mut reverse = Zone::new(name("in-addr.arpa"), 30);
        reverse.add(name("10.0.96.10.in-addr.arpa"), Data::Ptr(api));
        let mut server = DnsServer::new(Arc::from([zone, reverse]), Vec::new(), Chance::new(1));
        let conf = Conf {
            nameservers: vec![Ipv4Addr::new(10, 96, 0, 2)],
            search: vec![name("default.svc.cluster.local"), name("svc.cluster.local")],
            options: vec!["ndots:5".into()],
        };
        let mut dig = Dig::new(&conf, text, kind, Chance::new(2));
        let mut calls = dig.on(&Happened::Started, Nanos::ZERO);
        for _ in 0..20 {
            let mut next = Vec::new();
            for call in calls {
                match call {
                    Call::Finish(Outcome::Resolved(resolution)) => return resolution,
                    Call::Send { sock: own, to, bytes } => {
                        let sock = Sock(0);
                        let asked = Happened::Datagram { sock, from: CLIENT, bytes };
                        for call in server.on(&asked, Nanos::ZERO) {
                            if let Call::Send { bytes, .. } = call {
                                let reply = Happened::Datagram { sock: own, from: to, bytes };
                                next.extend(dig.on(&reply, Nanos::ZERO));
                            }
                        }
                    }
                    _ => {}
                }
            }
            calls = next;
        }
        panic!("{text} is never found")
    }

    fn answers(of: &Resolution) -> Vec<String> {
        of.answers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_short_name_is_found_in_the_pods_namespace() {
        let found = dig("api", None);
        assert_eq!(found.rcode, Ok(Rcode::NoError));
        assert_eq!(answers(&found), ["api.default.svc.cluster.local. 30 IN A 10.96.0.10"]);
        assert_eq!(found.questions, [name("api.default.svc.cluster.local")]);
    }

    #[test]
    fn a_name_that_nobody_has_ends_with_nxdomain_or_the_failure_of_the_last_server() {
        let found = dig("nope.default.svc.cluster.local.", None);
        assert_eq!((found.rcode, found.questions.len()), (Ok(Rcode::NxDomain), 1));
        // Outside of the cluster's zones this server has nobody to ask.
        let found = dig("nope", Some(Type::A));
        assert_eq!((found.rcode, found.questions.len()), (Ok(Rcode::ServFail), 3));
    }

    #[test]
    fn an_address_gives_the_name_of_its_owner() {
        for kind in [None, Some(Type::Ptr)] {
            let found = dig("10.96.0.10", kind);
            let line = "10.0.96.10.in-addr.arpa. 30 IN PTR api.default.svc.cluster.local.";
            assert_eq!(answers(&found), [line]);
        }
    }
}
