. ../../net.sh
chain a r b
set_in r net.ipv4.ip_forward=0 net.ipv4.conf.left.forwarding=1
