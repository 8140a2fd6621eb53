. ../../net.sh
toll
rule r nat -A PREROUTING -d 10.96.0.0/24 -j NETMAP --to 10.0.2.0/24
rule r nat -A POSTROUTING -s 10.0.1.0/24 -o right -j NETMAP --to 10.55.0.0/24
route b 10.55.0.0/24 via 10.0.2.1
