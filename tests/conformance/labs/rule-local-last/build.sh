. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
route r 10.0.1.2 via 10.0.3.2 table 101
route c local 10.0.1.2 dev lo
ip -n r rule add pref 0 lookup 101
ip -n r rule del pref 0 lookup local
ip -n r rule add pref 10 lookup local
