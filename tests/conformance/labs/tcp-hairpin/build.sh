. ../../net.sh
toll
rule r nat -A PREROUTING -d 10.96.0.10 -p tcp --dport 80 -j DNAT --to-destination 10.0.1.1:8080
rule r nat -A POSTROUTING -s 10.0.1.1 -d 10.0.1.1 -j MASQUERADE
set_in r net.ipv4.conf.{all,default,left}.send_redirects=0
