. ../../net.sh
chain a r b
set_in r net.ipv4.ip_forward=0
route r unreachable 10.9.0.0/16
route r prohibit 10.8.0.0/16
