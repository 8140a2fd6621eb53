. ../../net.sh
space node
forwards node
address node lo 192.0.2.10/32
for i in 1 2; do
  space pod$i
  wire pod$i eth0 02:00:0a:f4:00:0$i node cali$i ee:ee:ee:ee:ee:ee
  ip -n pod$i address add 10.244.0.$i/32 dev eth0
  ip -n pod$i route add 169.254.1.1 dev eth0 scope link
  ip -n pod$i route add default via 169.254.1.1 dev eth0
  ip -n node route add 10.244.0.$i dev cali$i scope link
  set_in node net.ipv4.conf.cali$i.proxy_arp=1 net.ipv4.neigh.cali$i.proxy_delay=0 net.ipv4.conf.cali$i.forwarding=1 net.ipv4.conf.cali$i.route_localnet=1 net.ipv4.conf.cali$i.rp_filter=1
done
ip -n node route add default dev lo
