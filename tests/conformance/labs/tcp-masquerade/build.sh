. ../../net.sh
toll
rule r nat -A POSTROUTING -o right -j MASQUERADE
