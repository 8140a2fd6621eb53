. ../../net.sh
fork_in_the_road
route r default via 10.0.2.2
route r default via 10.0.3.2 table 100
route r 10.9.1.0/24 via 10.0.2.2 table 101
route r default via 10.0.3.2 table 101
ip -n r rule add pref 10 lookup 101 suppress_prefixlength 0
ip -n r rule add pref 20 lookup 100
