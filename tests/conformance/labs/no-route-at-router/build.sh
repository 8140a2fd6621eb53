. ../../net.sh
chain a r b
ip -n r route del default
