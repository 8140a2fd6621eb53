. ../../net.sh
fork_in_the_road
set_in r net.ipv4.fib_multipath_hash_seed=7
route r 10.9.0.0/16 nexthop via 10.0.2.2 nexthop via 10.0.3.2
route b 10.7.0.0/16 via 10.0.2.1
ip -n r route replace 10.0.1.0/24 nexthop via 10.0.2.2 nexthop via 10.0.3.2
