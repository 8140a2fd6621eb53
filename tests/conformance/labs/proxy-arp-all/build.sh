. ../../net.sh
chain a r b
ip -n a route del default
ip -n a route add default dev right
ip -n b route del 10.0.1.0/24
ip -n b route add default dev left
set_in r net.ipv4.neigh.left.proxy_delay=0 net.ipv4.neigh.right.proxy_delay=0
set_in r net.ipv4.conf.all.proxy_arp=1
route r 10.8.0.0/16 via 10.0.1.9
route r unreachable 10.7.0.0/16
