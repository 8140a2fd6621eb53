//! Stand-in for the engine's `lesson`, `story` and `yaml` modules, until they are there.
#![allow(dead_code, clippy::all, clippy::pedantic)]

pub mod lesson {
    use everyhop_engine::base::*;
    use everyhop_engine::link::PortFlags;
    use everyhop_engine::stack::socket::*;
    use everyhop_engine::story::{Story, tell};
    use everyhop_engine::trace::{Event, Recorder};
    use everyhop_engine::wire::dissect::dissect;
    use everyhop_engine::world::*;
    use std::net::Ipv4Addr;

    pub struct Lab {
        pub title: String,
        pub cluster: everyhop_engine::kube::Cluster,
        pub actions: Vec<()>,
    }
    pub struct Loaded {
        pub lab: Lab,
        pub notices: Vec<everyhop_engine::yaml::Problem>,
    }
    pub struct Run {
        pub start: World,
        pub end: World,
        pub trace: Recorder,
        pub story: Story,
    }

    impl Lab {
        pub fn load(text: &str) -> Result<Loaded, Vec<everyhop_engine::yaml::Problem>> {
            if let Some(line) = text.lines().position(|l| l.contains("!!")) {
                return Err(vec![everyhop_engine::yaml::Problem {
                    line: line + 1,
                    column: 3,
                    path: "spec.podCIDR".into(),
                    message: "expected an IPv4 prefix such as 10.244.1.0/24, found \"!!\"".into(),
                    file: None,
                }]);
            }
            Ok(Loaded {
                lab: Self {
                    title: "Pod to pod, one node".into(),
                    actions: vec![],
                    cluster: {
                        use everyhop_engine::kube::*;
                        let pod = |n: u8| Pod {
                            namespace: "default".into(),
                            name: format!("pod-{n}"),
                            node: 0,
                            ip: Ipv4Addr::new(10, 244, 1, n + 1),
                            netns: format!("pod-{n}"),
                            host_network: false,
                            containers: vec![Container {
                                name: "server".into(),
                                image: None,
                                ports: vec![Port {
                                    number: 8080,
                                    protocol: Protocol::Udp,
                                    name: None,
                                }],
                            }],
                        };
                        Cluster {
                            nodes: vec![Node {
                                name: "node-1".into(),
                                address: Ipv4Addr::new(192, 0, 2, 11),
                                pod_cidr: "10.244.1.0/24".parse().unwrap(),
                                netns: "node-1".into(),
                            }],
                            pods: vec![pod(1), pod(2)],
                            underlay: None,
                        }
                    },
                },
                notices: vec![],
            })
        }
        pub fn run(&self) -> Run {
            let mut world = World::new(1);
            let node = world.add_netns("node-1").unwrap();
            let vbr0 = world
                .add_bridge(LinkEnd {
                    ns: node,
                    name: "vbr0",
                    mac: Mac::from_ipv4(Ipv4Addr::new(10, 244, 1, 1)),
                })
                .unwrap();
            world.add_addr(vbr0, "10.244.1.1/24".parse().unwrap(), None).unwrap();
            let pods = [2u8, 3].map(|host| {
                let ns = world.add_netns(&format!("pod-{}", host - 1)).unwrap();
                let veth = format!("veth{}", host - 2);
                let (eth0, port) = world
                    .add_veth(
                        LinkEnd {
                            ns,
                            name: "eth0",
                            mac: Mac::from_ipv4(Ipv4Addr::new(10, 244, 1, host)),
                        },
                        LinkEnd { ns: node, name: &veth, mac: Mac([0x1e, 0, 0, 0, 1, host]) },
                    )
                    .unwrap();
                world.set_master(port, vbr0, PortFlags::default()).unwrap();
                world.add_addr(eth0, format!("10.244.1.{host}/24").parse().unwrap(), None).unwrap();
                ns
            });
            let ping = world
                .bind(
                    pods[0],
                    Socket {
                        bound: Bound::Udp { port: 32768 },
                        addr: None,
                        program: Program::Reads,
                        owner: "client".into(),
                        heard: 0,
                    },
                )
                .unwrap();
            world
                .bind(
                    pods[1],
                    Socket {
                        bound: Bound::Udp { port: 8080 },
                        addr: None,
                        program: Program::Answers(b"hello from pod-2".to_vec()),
                        owner: "container server".into(),
                        heard: 0,
                    },
                )
                .unwrap();
            let start = world.clone();
            let mut trace = Recorder::default();
            world
                .send_udp(
                    &mut trace,
                    (pods[0], ping),
                    (Ipv4Addr::new(10, 244, 1, 3), 8080),
                    b"hello",
                )
                .unwrap();
            world.run_until_quiet(&mut trace, Nanos::ZERO);
            let story = tell(&start, &trace);
            Run { start, end: world, trace, story }
        }
    }
    impl Run {
        pub fn world_at(&self, _step: usize) -> World {
            if _step > 3 { self.end.clone() } else { self.start.clone() }
        }
    }
}
