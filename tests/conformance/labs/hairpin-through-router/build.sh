. ../../net.sh
segment a b r
forwards r
set_in r net.ipv4.conf.{all,default,eth0}.send_redirects=0
route a 10.96.0.0/24 via 10.0.0.3
for n in a b r; do for i in 1 2 3; do knows $n eth0 10.0.0.$i 02:00:0a:00:00:0$i permanent; done; done
for n in a b r; do learnt sw $n 02:00:0a:00:00:0$((++i - 3)); done
rule r nat -A PREROUTING -d 10.96.0.10 -j DNAT --to-destination 10.0.0.2
rule r nat -A PREROUTING -d 10.96.0.11 -j DNAT --to-destination 10.0.0.2
rule r nat -A POSTROUTING -m conntrack --ctorigdst 10.96.0.11 -j MASQUERADE
