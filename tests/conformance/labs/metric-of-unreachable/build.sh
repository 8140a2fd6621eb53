. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2 metric 10
route r unreachable 10.9.0.0/16 metric 20
route r 10.8.0.0/16 via 10.0.2.2 metric 20
route r unreachable 10.8.0.0/16 metric 10
