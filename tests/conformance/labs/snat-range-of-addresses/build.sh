. ../../net.sh
toll
route b 10.0.3.0/24 via 10.0.2.1
rule r nat -A POSTROUTING -o right -j SNAT --to-source 10.0.3.10-10.0.3.20
