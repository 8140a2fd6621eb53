. ../../net.sh
fork_in_the_road
route r default via 10.0.3.2 metric 20
route r default via 10.0.2.9 metric 10
