. ../../net.sh
toll
rule r nat -A POSTROUTING -o right -j MASQUERADE
rule r nat -A PREROUTING -d 10.96.0.10 -j DNAT --to-destination 10.0.2.2
