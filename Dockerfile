# The app in a container, for Hugging Face Spaces or a school's own server:
#   docker build -t ideal-cat . && docker run -p 8501:8501 ideal-cat
FROM python:3.11-slim

# PyTorch's CPU build is a tenth of the download. It has a layer of its own: it changes least often.
RUN pip install --no-cache-dir torch==2.14.1 torchvision==0.29.1 \
    --index-url https://download.pytorch.org/whl/cpu
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt

# Spaces runs containers as user 1000, which may write below its home only.
RUN useradd --create-home --uid 1000 user
USER user

# OMP_NUM_THREADS: PyTorch counts the cores of the host, not those lent to the container. Two is
# what the smallest Space has; set it to what yours has.
# MALLOC_ARENA_MAX: many threads must not each keep freed memory of their own.
ENV STREAMLIT_SERVER_FILE_WATCHER_TYPE=none \
    OMP_NUM_THREADS=2 \
    MALLOC_ARENA_MAX=2 \
    HOME=/home/user \
    XDG_CACHE_HOME=/home/user/.cache \
    TORCH_HOME=/home/user/.cache/torch

# Made here, so that it belongs to the user also when a volume is mounted on it.
RUN mkdir -p "$TORCH_HOME"
WORKDIR /home/user/app
COPY --chown=user . .

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD \
    python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=3)"

# On Spaces (they set SPACE_ID) the app runs in an iframe of another site. The cookie that protects
# uploads against forgery is sent from there only if it says that it may be, and over HTTPS.
CMD ["sh", "-c", "exec env ${SPACE_ID:+STREAMLIT_SERVER_XSRF_COOKIE_SAME_SITE=none} streamlit run app.py --server.address=0.0.0.0 --server.port=8501 --server.headless=true"]
