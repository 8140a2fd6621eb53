. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
route r throw 10.9.1.0/24 table 100
ip -n r rule add pref 10 lookup 100
