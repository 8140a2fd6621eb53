. ../../net.sh
fork_in_the_road
set_in r net.ipv4.conf.all.ignore_routes_with_linkdown=1
route r 10.9.0.0/16 via 10.0.3.2 metric 10
route r 10.9.0.0/16 via 10.0.2.2 metric 20
ip -n c link set eth0 down
