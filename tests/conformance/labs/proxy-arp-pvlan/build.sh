. ../../net.sh
segment a b r
bridge -n sw link set dev a isolated on
bridge -n sw link set dev b isolated on
forwards r
set_in r net.ipv4.conf.eth0.proxy_arp_pvlan=1 net.ipv4.neigh.eth0.proxy_delay=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
