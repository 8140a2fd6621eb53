. ../../net.sh
chain a r b
route r unreachable 10.9.0.0/16
route r 10.9.1.0/24 via 10.0.2.2
route r blackhole 10.9.1.7
route b local 10.9.0.0/16 dev lo
