. ../../net.sh
toll
rule r nat -A POSTROUTING -o right -j SNAT --to-source 10.0.1.1-10.0.1.5
