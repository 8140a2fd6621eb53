. ../../net.sh
chain a r m b
route b default via 10.0.3.1
rule r nat -A POSTROUTING -o right -j MASQUERADE
