. ../../net.sh
fork_in_the_road
route r 10.9.0.0/16 via 10.0.2.2
