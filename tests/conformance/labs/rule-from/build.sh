. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
address a eth0 10.0.1.65/24
ip -n r rule add from 10.0.1.64/26 lookup 100
