. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2
route r unreachable 192.0.2.0/24
route r blackhole 198.51.100.0/24
