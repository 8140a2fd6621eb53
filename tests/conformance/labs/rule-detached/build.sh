. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
ip -n r rule add iif gone lookup 100
