python likes.py like post-1
python likes.py like post-1
python likes.py list post-1 --per-page 2
python likes.py unlike post-1
